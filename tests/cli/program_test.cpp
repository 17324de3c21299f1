// The commands that do not converse, run as a user runs them on the default model.
#include "tests/cli/program.h"

#include <cmath>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "mica/base/file.h"
#include "mica/base/json.h"
#include "mica/io/npy.h"
#include "tests/cli/tiny_model.h"
#include "tests/io/temp_folder.h"

namespace mica::test {
namespace {

class Program : public testing::Test {
 protected:
  void SetUp() override {
    if (default_model().empty()) FAIL() << "the default model is not there: make model";
  }
};

Arguments france(const char* max_tokens = "24") {
  return {"generate", "--exact", "--prompt", "What is the capital of France?", "--max-tokens", max_tokens};
}

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<float> values_of(const NpyArray& array) {
  std::vector<float> out(array.bytes.size() / sizeof(float));
  std::memcpy(out.data(), array.bytes.data(), array.bytes.size());
  return out;
}

TEST_F(Program, GenerateAnswersAndRepeats) {
  const Outcome greedy = run(france());
  EXPECT_EQ(greedy.code, 0) << greedy.err;
  EXPECT_NE(greedy.out.find("Paris"), std::string::npos) << greedy.out;
  EXPECT_NE(greedy.err.find("tokens-per-sec"), std::string::npos) << greedy.err;
  const Arguments sampled = with(france(), {"--temp", "1.5", "--seed", "7", "--verbose", "false"});
  const Outcome first = run(sampled);
  const Outcome second = run(sampled);
  EXPECT_GT(first.out.size(), 1u);
  EXPECT_EQ(first.out, second.out);
  EXPECT_EQ(first.err, "");
}

TEST_F(Program, GenerateKeepsKeysAndValuesAsCodes) {
  // A question whose answer is certain: what codes lose decides where two tokens are almost equally likely.
  const Arguments italy = {"generate",     "--exact", "--prompt",  "Name the capital of Italy.",
                           "--max-tokens", "12",      "--verbose", "false"};
  const Outcome numbers = run(italy);
  const Outcome codes = run(with(italy, {"--kv-bits", "8", "--kv-group-size", "32", "--quantized-kv-start", "0"}));
  EXPECT_EQ(codes.code, 0) << codes.err;
  EXPECT_NE(codes.out.find("Rome"), std::string::npos) << codes.out;
  // The prompt and the answer together are far from 5,000 tokens.
  EXPECT_EQ(run(with(italy, {"--kv-bits", "4"})).out, numbers.out);
}

TEST_F(Program, GenerateStopsAndReadsStandardInput) {
  const Outcome stopped = run(with(france(), {"--stop", "Paris"}));
  EXPECT_EQ(stopped.code, 0);
  EXPECT_GT(stopped.out.size(), 1u);
  EXPECT_EQ(stopped.out.find("Paris"), std::string::npos) << stopped.out;
  const Outcome two = run(france("2"));
  EXPECT_NE(two.err.find("Generation: 2 tokens"), std::string::npos) << two.err;
  const Outcome piped =
      run({"generate", "--exact", "--prompt", "-", "--max-tokens", "24"}, {.input = "What is the capital of France?"});
  EXPECT_EQ(piped.out, run(france()).out);
}

TEST_F(Program, GenerateSaysTheSameWithDrafts) {
  const Arguments repeat = {
      "generate",     "--prompt", "Repeat this list twice: apple, pear, plum, fig, lime, kiwi, date.",
      "--max-tokens", "80",       "--temp",
      "0.3",          "--seed",   "5"};
  const Outcome plain = run(with(repeat, {"--ngram-draft-tokens", "0"}));
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(plain.err.find("Drafts:"), std::string::npos) << plain.err;
  EXPECT_EQ(run(repeat).out, plain.out);
  const Outcome model = run(with(repeat, {"--draft-model", default_model().string(), "--num-draft-tokens", "2"}));
  EXPECT_EQ(model.code, 0) << model.err;
  EXPECT_EQ(model.out, plain.out);
}

TEST_F(Program, ADraftModelOfAnotherVocabularyIsRefused) {
  const TempFolder folder;
  TinyModel().write(folder.path());
  const Outcome outcome = run(with(france(), {"--draft-model", folder.path().string()}));
  EXPECT_GT(outcome.code, 0);
  EXPECT_TRUE(is_one_line_error(outcome.err)) << outcome.err;
  EXPECT_NE(outcome.err.find(" 16 "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(" 49152"), std::string::npos) << outcome.err;
}

TEST_F(Program, GenerateCanBeInterruptedAndCutOff) {
  const Arguments endless = {"generate", "--prompt", "Count to one thousand.", "--max-tokens", "2000"};
  Setting interrupt;
  interrupt.interrupt_when = [](const std::string& out) { return !out.empty(); };
  const Outcome stopped = run(endless, interrupt);
  EXPECT_EQ(stopped.code, 0) << stopped.signal;
  EXPECT_TRUE(stopped.out.ends_with("\n"));
  EXPECT_EQ(stopped.err.find("Generation: 2000"), std::string::npos);
  // The next step is being computed when the program gives up; several times, because it ends at an unlike place each.
  for (int i = 0; i < 10; ++i) {
    const Outcome cut = run(france("100"), {.close_stdout_after = 1});
    EXPECT_EQ(cut.signal, 0);
    EXPECT_TRUE(cut.in_time);
  }
}

TEST_F(Program, TokensRoundTrip) {
  const std::string text =
      "Hello, w\xc3\xb6rld! \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xf0\x9f\x98\x80\n\tdef f(x): return 1234567";
  const Outcome tokens = run({"tokenize", "--no-special", "--text", text});
  ASSERT_EQ(tokens.code, 0) << tokens.err;
  EXPECT_GT(parse_json(tokens.out, "tokens").size(), 10u);
  const Outcome back = run({"detokenize", "--tokens", tokens.out});
  EXPECT_EQ(back.out, text);
  EXPECT_EQ(back.err, "");
}

TEST_F(Program, TemplateAndInfo) {
  const TempFolder folder;
  const auto messages = folder.write("m.json", R"([{"role": "user", "content": "Hi"}])").string();
  const Outcome rendered =
      run({"template", "--model", default_model().string(), "--messages", messages, "--add-generation-prompt"});
  EXPECT_EQ(rendered.code, 0) << rendered.err;
  EXPECT_TRUE(rendered.out.ends_with("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")) << rendered.out;
  const Outcome info = run({"info", "--json"});
  ASSERT_EQ(info.code, 0) << info.err;
  const Json json = parse_json(info.out, "info");
  // Facts of SmolLM2-135M from its config.json.
  EXPECT_EQ(json["architecture"], "llama");
  EXPECT_EQ(json["num_layers"], 30);
  EXPECT_EQ(json["hidden_size"], 576);
  EXPECT_EQ(json["vocab_size"], 49152);
  EXPECT_EQ(json["chat_template"], true);
}

TEST_F(Program, InfoOfAModelWithoutATokenizer) {
  const Outcome info = run({"info", "--json", "--model", MICA_TEST_FIXTURES "/families/llama"});
  ASSERT_EQ(info.code, 0) << info.err;
  EXPECT_EQ(info.err,
            "mica: warning: " MICA_TEST_FIXTURES "/families/llama: no tokenizer.json and no tokenizer.model\n");
  const Json json = parse_json(info.out, "info");
  EXPECT_EQ(json["architecture"], "llama");
  EXPECT_TRUE(json["tokenizer_vocab_size"].is_null());
  EXPECT_TRUE(json["chat_template"].is_null());
}

TEST_F(Program, PackedWeightsAreFoundBesideTheModel) {
  const TempFolder folder;
  const std::string model = (folder.path() / "model.gguf").string();
  std::filesystem::create_symlink(default_model(), model);
  const Arguments ask = {"generate", "--model", model, "--prompt", "Name the capital of Italy.", "--max-tokens", "12"};
  const std::string answer = run(ask).out;
  const auto info = [&] { return parse_json(run({"info", "--model", model, "--json"}).out, "info"); };
  EXPECT_TRUE(info()["packed"].is_null());
  const Outcome packed = run({"pack", "--model", model});
  EXPECT_EQ(packed.code, 0) << packed.err;
  EXPECT_EQ(packed.err, "");
  EXPECT_TRUE(packed.out.starts_with(model + ".packed: 0.")) << packed.out;
  EXPECT_EQ(info()["packed"], model + ".packed");
  EXPECT_EQ(run(ask).out, answer);
  // A file that is not of this model is passed over with a word, and refused where it was asked for.
  std::filesystem::copy(default_model(), model + ".packed", std::filesystem::copy_options::overwrite_existing);
  const Outcome without = run(ask);
  EXPECT_EQ(without.out, answer);
  EXPECT_TRUE(without.err.starts_with("mica: warning: " + model + ".packed: ")) << without.err;
  const Outcome refused = run(with(ask, {"--packed", model + ".packed"}));
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(is_one_line_error(refused.err)) << refused.err;
  const Outcome nowhere = run({"pack", "--model", model, "--output", (folder.path() / "no" / "where").string()});
  EXPECT_EQ(nowhere.code, 1);
  EXPECT_TRUE(is_one_line_error(nowhere.err)) << nowhere.err;
}

TEST_F(Program, LogitsInPartsAreThoseOfTheWhole) {
  const TempFolder folder;
  const std::string tokens = "1 4093 198 2683 359 260 3575";
  std::vector<std::vector<float>> results;
  for (const char* chunk : {"7", "1", "3"}) {
    const auto file = folder.path() / "logits.npy";
    const Outcome outcome = run({"logits", "--tokens", tokens, "--chunk", chunk, "--output", file.string()});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const NpyArray array = read_npy(file);
    EXPECT_EQ(array.shape, (std::vector<int64_t>{7, 49152}));
    results.push_back(values_of(array));
  }
  for (size_t i = 0; i < results[0].size(); ++i) {
    // Float32 sums in another order; logits are of the size of 20.
    ASSERT_NEAR(results[0][i], results[1][i], 2e-3) << i;
    ASSERT_NEAR(results[0][i], results[2][i], 2e-3) << i;
  }
}

TEST_F(Program, PerplexityAndBenchPrintJson) {
  const TempFolder folder;
  const auto file = folder.write("t.txt", "The quick brown fox jumps over the lazy dog. The sun rises in the east.");
  const Outcome perplexity = run({"perplexity", "--file", file.string(), "--json"});
  ASSERT_EQ(perplexity.code, 0) << perplexity.err;
  const Json json = parse_json(perplexity.out, "perplexity");
  EXPECT_GT(json["perplexity"].get<double>(), 1.0);
  EXPECT_LT(json["perplexity"].get<double>(), 100.0);
  const Outcome exact = run({"perplexity", "--file", file.string(), "--exact", "--json"});
  const Outcome compared = run({"perplexity", "--file", file.string(), "--compare-exact", "--json"});
  ASSERT_EQ(compared.code, 0) << compared.err;
  const Json both = parse_json(compared.out, "perplexity");
  EXPECT_EQ(both["perplexity"], json["perplexity"]);
  EXPECT_EQ(both["reference"]["perplexity"], parse_json(exact.out, "perplexity")["perplexity"]);
  EXPECT_GT(both["mean_kl"].get<double>(), 0.0);
  EXPECT_LT(both["mean_kl"].get<double>(), 0.01);
  EXPECT_NE(run({"perplexity", "--file", file.string(), "--exact", "--compare-exact"}).code, 0);
  const Outcome bench = run({"bench", "-p", "16", "-n", "4", "-r", "2", "-t", "1", "--prefill-threads", "2", "--json"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const Json rows = parse_json(bench.out, "bench");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["test"], "pp16");
  EXPECT_EQ(rows[0]["threads"], 2);
  EXPECT_EQ(rows[1]["test"], "tg4");
  EXPECT_EQ(rows[1]["threads"], 1);
  for (const Json& row : rows) {
    EXPECT_GT(row["tokens_per_second"].get<double>(), 0);
    EXPECT_GE(row["stddev"].get<double>(), 0);
    EXPECT_TRUE(row["model"].is_string());
    EXPECT_TRUE(row["device"].is_string());
  }
}

TEST(CommandLine, MistakesAreOneLine) {
  const Arguments wrong[] = {
      {},
      {"dance"},
      {"generate", "--dance"},
      {"generate", "--model", "no-such-model"},
      {"generate", "--max-tokens"},
      {"generate", "--draft-model", "no-such-model"},
      {"generate", "--num-draft-tokens", "8"},
      {"chat", "--model", "no-such-model"},
      {"logits", "--tokens", "1"},
      {"bench", "--config", "/nonexistent/config.json"},
      {"generate", "--prompt", "Hi", "--kv-bits", "5"},
      {"info", "--model", "/nonexistent"},
      {"detokenize"},
      {"perplexity"},
      {"template"},
  };
  for (const Arguments& arguments : wrong) {
    const Outcome outcome = run(arguments);
    SCOPED_TRACE(testing::PrintToString(arguments));
    EXPECT_GT(outcome.code, 0);
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(is_one_line_error(outcome.err)) << outcome.err;
  }
}

TEST(CommandLine, HelpAndVersion) {
  const Outcome version = run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("mica ")) << version.out;
  for (const char* command :
       {"generate", "chat", "bench", "logits", "perplexity", "tokenize", "detokenize", "template", "info", "pack"}) {
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("mica "), std::string::npos);
    EXPECT_NE(help.out.find("Example"), std::string::npos) << command;
  }
}

}  // namespace
}  // namespace mica::test
