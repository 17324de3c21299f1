// Answers generated together against each by itself: on the tiny checkpoints of every family and on the default model,
// in float32, where both differ by the order of sums alone.

#include "mica/lm/batch_generate.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/array/memory.h"
#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/lm/generate.h"
#include "tests/base/sanitized.h"
#include "tests/lm/tiny_models.h"

namespace mica::lm {
namespace {

namespace fs = std::filesystem;

using Tokens = std::vector<int32_t>;

/// A word for each of the tiny checkpoints' tokens.
const text::Tokenizer& tokenizer() {
  static const text::Tokenizer out = words(kTinyVocab);
  return out;
}

Tokens some_prompt(int64_t count, int seed) {
  Tokens out;
  for (int64_t i = 0; i < count; ++i) out.push_back(static_cast<int32_t>((i * 37 + i * i + seed * 101 + 7) % 97));
  return out;
}

AnswerOptions of_length(int max_tokens) {
  AnswerOptions out;
  out.max_tokens = max_tokens;
  return out;
}

AnswerOptions seeded(int max_tokens, uint64_t seed) {
  AnswerOptions out = of_length(max_tokens);
  out.sampling.temperature = 1.0f;
  out.sampling.seed = seed;
  return out;
}

/// Options of all kinds, by turns.
AnswerOptions some_options(size_t i) {
  AnswerOptions out = seeded(static_cast<int>(7 + i * 5 % 23), i);
  SamplingOptions& sampling = out.sampling;
  switch (i % 6) {
    case 0:
      sampling.temperature = 0;
      break;
    case 1:
      sampling.top_p = 0.8f;
      break;
    case 2:
      sampling.top_k = 5;
      sampling.repetition_penalty = 1.3f;
      break;
    case 3:
      sampling.temperature = 0;
      sampling.frequency_penalty = 0.5f;
      sampling.logit_bias = {{3, 2.0f}};
      break;
    case 4:
      sampling.min_p = 0.05f;
      out.extra_end_tokens = {11, 12, 13, 14, 15};
      break;
    default:
      out.stop = {"<2>", "<5><"};
  }
  return out;
}

/// The answer of one prompt by itself.
BatchAnswer alone(const Model& model, const text::Tokenizer& tokenizer, const Tokens& prompt,
                  const AnswerOptions& options, PromptCache cache, int part = 512) {
  BatchAnswer out;
  GenerateOptions all;
  static_cast<AnswerOptions&>(all) = options;
  all.prefill_step_size = part;
  const GenerationStep last = stream_generate(model, tokenizer, prompt, cache, all, [&](const GenerationStep& step) {
    out.text += step.text;
    out.tokens.push_back(step.token);
    out.logprobs.push_back(step.logprob);
  });
  out.finish_reason = last.finish_reason;
  return out;
}

BatchAnswer alone(const Model& model, const Tokens& prompt, const AnswerOptions& options) {
  return alone(model, tokenizer(), prompt, options, model.make_cache());
}

void expect_equal(const BatchAnswer& got, const BatchAnswer& wanted) {
  EXPECT_EQ(got.tokens, wanted.tokens);
  EXPECT_EQ(got.text, wanted.text);
  EXPECT_EQ(got.finish_reason, wanted.finish_reason);
  ASSERT_EQ(got.logprobs.size(), wanted.logprobs.size());
  // The same numbers in products of other shapes: sums in another order.
  for (size_t i = 0; i < got.logprobs.size(); ++i) EXPECT_NEAR(got.logprobs[i], wanted.logprobs[i], 2e-4f) << i;
}

/// Runs a generator and collects what it gives for each sequence.
class Collector {
 public:
  Collector(const Model& model, const BatchOptions& options) : generator(model, tokenizer(), options) {}

  /// One step; how many responses it gave.
  size_t step() {
    std::vector<BatchResponse> responses = generator.next();
    for (const BatchResponse& response : responses) {
      BatchAnswer& answer = answers[response.id];
      EXPECT_EQ(answer.finish_reason, "") << "a response after the last one of " << response.id;
      answer.text += response.text;
      answer.finish_reason = response.finish_reason;
      if (!response.token) continue;
      answer.tokens.push_back(response.token->id);
      answer.logprobs.push_back(response.token->logprob);
    }
    return responses.size();
  }
  void run() {
    while (!generator.idle()) step();
  }

  BatchGenerator generator;
  std::map<int64_t, BatchAnswer> answers;
};

class BatchGenerate : public testing::TestWithParam<std::string> {};

TEST_P(BatchGenerate, AnswersEqualThoseOfEachPromptAlone) {
  const LoadedModel loaded = tiny(GetParam());
  std::vector<Tokens> prompts;
  std::vector<AnswerOptions> options;
  for (size_t i = 0; i < 12; ++i) {
    prompts.push_back(some_prompt(static_cast<int64_t>(1 + i * 11 % 29), static_cast<int>(i)));
    options.push_back(some_options(i));
  }
  BatchGenerateOptions batch;
  batch.completion_batch_size = 5;
  batch.prefill_batch_size = 3;
  const BatchResult result = batch_generate(loaded.model, tokenizer(), prompts, options, batch);
  ASSERT_EQ(result.answers.size(), prompts.size());
  int64_t tokens = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    SCOPED_TRACE(i);
    const BatchAnswer wanted = alone(loaded.model, prompts[i], options[i]);
    expect_equal(result.answers[i], wanted);
    tokens += static_cast<int64_t>(wanted.tokens.size());
  }
  EXPECT_EQ(result.stats.generation_tokens, tokens);
  EXPECT_GT(result.stats.prompt_time, 0);
  EXPECT_GT(result.stats.generation_tps, 0);
}

TEST_P(BatchGenerate, GreedyAnswersAreTheSameWithoutLogprobs) {
  const LoadedModel loaded = tiny(GetParam());
  std::vector<Tokens> prompts;
  std::vector<AnswerOptions> options;
  for (int i = 0; i < 6; ++i) {
    prompts.push_back(some_prompt(1 + i * 11 % 29, i));
    options.push_back(of_length(10 + i * 7 % 23));
    options.back().logprobs = false;
  }
  // As long as it goes on, all steps give logits.
  prompts.push_back(some_prompt(4, 9));
  options.push_back(seeded(8, 1));
  const BatchResult result = batch_generate(loaded.model, tokenizer(), prompts, options);
  for (size_t i = 0; i < prompts.size(); ++i) {
    SCOPED_TRACE(i);
    AnswerOptions with = options[i];
    with.logprobs = true;
    const BatchAnswer wanted = alone(loaded.model, prompts[i], with);
    const BatchAnswer& got = result.answers[i];
    EXPECT_EQ(got.tokens, wanted.tokens);
    EXPECT_EQ(got.text, wanted.text);
    EXPECT_EQ(got.finish_reason, wanted.finish_reason);
    // The first tokens are the prompts', whose logits are there; the sampled answer ends with 8 tokens at most.
    ASSERT_EQ(got.logprobs.size(), got.tokens.size());
    EXPECT_FALSE(std::isnan(got.logprobs.front()));
    if (got.tokens.size() > 8) {
      EXPECT_EQ(std::isnan(got.logprobs.back()), i < 6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, BatchGenerate, testing::ValuesIn(tiny_models("families")),
                         [](const auto& parameter) { return parameter.param; });

TEST(BatchGenerator, SequencesJoinAndLeaveAtAnyStep) {
  // Long enough for windows of 7 and 6 to leave tokens behind, at a different time in each sequence.
  for (const char* family : {"mistral_window", "gemma3_text", "llama"}) {
    const LoadedModel loaded = tiny(family);
    Collector collector(loaded.model, {});
    std::map<int64_t, std::pair<Tokens, AnswerOptions>> inserted;
    for (int i = 0; i < 9; ++i) {
      const Tokens prompt = some_prompt(1 + i * 67 % 301, i);
      const AnswerOptions options = seeded(40 + i * 71 % 350, static_cast<uint64_t>(i));
      inserted[collector.generator.insert(prompt, options)] = {prompt, options};
      for (int step = 0; step < 37; ++step) collector.step();
    }
    collector.run();
    for (const auto& [id, one] : inserted) {
      SCOPED_TRACE(fmt::format("{} of {}", id, family));
      expect_equal(collector.answers[id], alone(loaded.model, one.first, one.second));
    }
  }
}

TEST(BatchGenerator, LongPromptsLeaveTimeForTheOthers) {
  const LoadedModel loaded = tiny("llama");
  BatchOptions options;
  options.prefill_step_size = 4;
  Collector collector(loaded.model, options);
  const Tokens first = some_prompt(3, 1);
  const Tokens second = some_prompt(42, 2);
  collector.generator.insert(first, of_length(30));
  collector.step();
  collector.generator.insert(second, of_length(5));
  // Ten parts of four tokens, and the rest: the running sequence has a token each time.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(collector.step(), 1u);
  EXPECT_EQ(collector.step(), 2u);
  collector.run();
  expect_equal(collector.answers[0], alone(loaded.model, first, of_length(30)));
  expect_equal(collector.answers[1],
               alone(loaded.model, tokenizer(), second, of_length(5), loaded.model.make_cache(), 4));
}

TEST(BatchGenerator, RemovedSequencesLeaveAndTheOthersStay) {
  const LoadedModel loaded = tiny("qwen3");
  BatchOptions options;
  options.completion_batch_size = 3;
  options.prefill_step_size = 8;
  Collector collector(loaded.model, options);
  BatchGenerator& generator = collector.generator;
  std::vector<Tokens> prompts;
  for (int i = 0; i < 5; ++i) {
    prompts.push_back(some_prompt(i == 3 ? 40 : 2, i));
    EXPECT_EQ(generator.insert(prompts.back(), of_length(12)), i);
  }
  EXPECT_FALSE(generator.remove(5).has_value());
  EXPECT_FALSE(generator.remove(-1).has_value());
  collector.step();
  EXPECT_EQ(generator.running(), 3);
  // One that waits, and one that runs, whose next token is being computed. Each can be removed once.
  for (const int64_t id : {4, 1}) {
    const BatchResponse response = generator.remove(id).value_or(BatchResponse{});
    EXPECT_EQ(response.id, id);
    EXPECT_EQ(response.finish_reason, "interrupted");
    EXPECT_FALSE(generator.remove(id).has_value());
  }
  collector.step();
  EXPECT_EQ(generator.running(), 2);
  // The long one is in the middle of its prompt.
  EXPECT_TRUE(generator.remove(3).has_value());
  EXPECT_FALSE(generator.remove(3).has_value());
  collector.run();
  EXPECT_EQ(collector.answers.size(), 3u);
  EXPECT_EQ(collector.answers[1].tokens.size(), 1u);
  for (const int64_t id : {0, 2}) {
    expect_equal(collector.answers[id], alone(loaded.model, prompts[static_cast<size_t>(id)], of_length(12)));
  }
  EXPECT_FALSE(generator.remove(0).has_value());
  // All leave at once, and the generator goes on.
  generator.insert(prompts[0], of_length(3));
  generator.next();
  EXPECT_TRUE(generator.remove(5).has_value());
  EXPECT_TRUE(generator.next().empty());
  EXPECT_TRUE(generator.idle());
  generator.insert(prompts[2], of_length(12));
  collector.run();
  expect_equal(collector.answers[6], alone(loaded.model, prompts[2], of_length(12)));
}

TEST(BatchGenerator, CachesGoOnWhereTheyWere) {
  const LoadedModel loaded = tiny("gemma3_text");
  const std::vector<Tokens> prompts = {some_prompt(9, 1), some_prompt(4, 2), some_prompt(17, 3)};
  const std::vector<Tokens> more = {some_prompt(3, 4), some_prompt(12, 5), some_prompt(1, 6)};
  BatchGenerateOptions options;
  options.return_caches = true;
  BatchResult first = batch_generate(loaded.model, tokenizer(), prompts, of_length(11), options);
  BatchGenerateOptions follow;
  std::vector<Tokens> rest;
  for (size_t i = 0; i < prompts.size(); ++i) {
    follow.prompt_caches.push_back(std::move(first.answers[i].cache).value_or(loaded.model.make_cache()));
    EXPECT_EQ(follow.prompt_caches.back().offset(), static_cast<int64_t>(prompts[i].size()) + 10);
    // The cache is without the last token.
    rest.push_back({first.answers[i].tokens.back()});
    rest.back().insert(rest.back().end(), more[i].begin(), more[i].end());
  }
  const BatchResult second = batch_generate(loaded.model, tokenizer(), rest, of_length(11), follow);
  for (size_t i = 0; i < prompts.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_FALSE(second.answers[i].cache.has_value());
    Tokens whole = prompts[i];
    whole.insert(whole.end(), first.answers[i].tokens.begin(), first.answers[i].tokens.end());
    whole.insert(whole.end(), more[i].begin(), more[i].end());
    expect_equal(second.answers[i], alone(loaded.model, whole, of_length(11)));
  }
}

TEST(BatchGenerate, OddRequestsAreAnswered) {
  const LoadedModel loaded = tiny("llama");
  const std::vector<Tokens> none;
  EXPECT_TRUE(batch_generate(loaded.model, tokenizer(), none).answers.empty());
  EXPECT_TRUE(batch_generate(loaded.model, tokenizer(), none, std::span<const AnswerOptions>()).answers.empty());
  const std::vector<Tokens> same(3, some_prompt(5, 1));
  const std::vector<AnswerOptions> lengths = {of_length(0), of_length(4), of_length(1)};
  const BatchResult result = batch_generate(loaded.model, tokenizer(), same, lengths);
  EXPECT_EQ(result.answers[0].finish_reason, "length");
  EXPECT_EQ(result.answers[0].text, "");
  EXPECT_TRUE(result.answers[0].tokens.empty());
  expect_equal(result.answers[1], alone(loaded.model, same[1], of_length(4)));
  expect_equal(result.answers[2], alone(loaded.model, same[2], of_length(1)));
  // Until the model ends.
  AnswerOptions endless = seeded(-1, 5);
  for (int32_t token = 0; token < 10; ++token) endless.extra_end_tokens.push_back(token);
  const BatchResult ended = batch_generate(loaded.model, tokenizer(), same, endless);
  EXPECT_EQ(ended.answers[0].finish_reason, "stop");
  expect_equal(ended.answers[0], alone(loaded.model, same[0], endless));
}

TEST(BatchGenerate, Interrupted) {
  const LoadedModel loaded = tiny("llama");
  const std::vector<Tokens> prompts(4, some_prompt(5, 1));
  BatchGenerateOptions options;
  options.completion_batch_size = 2;
  int steps = 0;
  options.interrupted = [&] { return ++steps == 3; };
  std::map<int64_t, int> responses;
  options.on_response = [&](const BatchResponse& response) { ++responses[response.id]; };
  const BatchResult result = batch_generate(loaded.model, tokenizer(), prompts, of_length(50), options);
  for (const BatchAnswer& one : result.answers) EXPECT_EQ(one.finish_reason, "interrupted");
  EXPECT_EQ(result.answers[0].tokens.size(), 3u);
  EXPECT_TRUE(result.answers[3].tokens.empty());
  EXPECT_EQ(responses, (std::map<int64_t, int>{{0, 4}, {1, 4}, {2, 1}, {3, 1}}));
}

TEST(BatchGenerate, ErrorsAreTold) {
  const LoadedModel loaded = tiny("llama");
  const std::vector<Tokens> two = {some_prompt(3, 1), some_prompt(4, 2)};
  const auto run = [&](const std::vector<Tokens>& prompts, const std::vector<AnswerOptions>& answers,
                       BatchGenerateOptions options = {}) {
    return batch_generate(loaded.model, tokenizer(), prompts, answers, std::move(options));
  };
  const std::vector<AnswerOptions> one = {of_length(3)};
  EXPECT_THROW(run({Tokens{}}, one), Error);
  EXPECT_THROW(run({{1, 97}}, one), Error);
  EXPECT_THROW(run({{-1}}, one), Error);
  EXPECT_THROW(run(two, {}), Error);
  EXPECT_THROW(run(two, {one[0], one[0], one[0]}), Error);
  AnswerOptions wrong = of_length(3);
  wrong.sampling.top_p = 2;
  EXPECT_THROW(run(two, {wrong}), Error);
  for (int BatchOptions::* size :
       {&BatchOptions::completion_batch_size, &BatchOptions::prefill_batch_size, &BatchOptions::prefill_step_size}) {
    BatchGenerateOptions options;
    options.*size = 0;
    EXPECT_THROW(run(two, one, options), Error);
  }
  BatchGenerateOptions caches;
  caches.prompt_caches.push_back(loaded.model.make_cache());
  EXPECT_THROW(run(two, one, caches), Error);
  caches.prompt_caches.push_back(tiny("gemma").model.make_cache());
  EXPECT_THROW(run(two, one, caches), Error);
  PromptCache both = loaded.model.make_cache();
  const Tokens tokens = {1, 2};
  loaded.model.forward(array(tokens.data(), Shape{2, 1}, int32), both, true).eval();
  caches.prompt_caches.back() = both;
  EXPECT_THROW(run(two, one, caches), Error);
  // What was refused leaves nothing behind.
  BatchGenerator generator(loaded.model, tokenizer());
  EXPECT_THROW(generator.insert({}, of_length(3)), Error);
  EXPECT_TRUE(generator.idle());
  EXPECT_TRUE(generator.next().empty());
}

TEST(BatchGenerator, TwoHundredSequencesLeaveNoMemory) {
  const LoadedModel loaded = tiny("mistral_window");
  BatchOptions options;
  options.return_caches = true;
  BatchGenerator generator(loaded.model, tokenizer(), options);
  const auto run = [&](int count) {
    for (int i = 0; i < count; ++i) {
      generator.insert(some_prompt(1 + i * 13 % 50, i), seeded(1 + i * 7 % 40, static_cast<uint64_t>(i)));
      generator.next();
      if (i % 9 == 0) generator.remove(i - 2);
    }
    while (!generator.idle()) generator.next();
  };
  run(40);  // compiled steps keep some memory of their own
  const size_t before = get_active_memory();
  run(200);
  // Steps compiled for the last batch sizes keep a few hundred bytes for each of their arrays.
  EXPECT_LE(get_active_memory(), before + 256 * 1024);
}

TEST(BatchGenerateSmolLm2, AnswersEqualThoseOfEachPromptAlone) {
  const fs::path path = home_folder() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
  ASSERT_TRUE(fs::exists(path)) << "run `make model` first";
  const LoadedModel loaded = load_model(path, {Activation::exact});
  const text::Tokenizer tokenizer = text::Tokenizer::load(path);
  std::vector<Tokens> prompts;
  std::vector<AnswerOptions> options;
  const std::vector<std::string> texts = {"The capital of France is", "Once upon a time there was a little robot who",
                                          "To make bread you need flour, water,", "1 2 3 4 5 6",
                                          "The quick brown fox jumps over the lazy dog. The quick brown fox"};
  for (size_t i = 0; i < (test::kSanitized ? 3 : texts.size()); ++i) {
    prompts.push_back(tokenizer.encode(texts[i]));
    options.push_back(i % 2 == 0 ? of_length(static_cast<int>(16 + 4 * i)) : seeded(24, i));
    options.back().sampling.top_p = 0.9f;
  }
  options[0].stop = {" city"};
  BatchGenerateOptions batch;
  batch.completion_batch_size = 4;
  const BatchResult result = batch_generate(loaded.model, tokenizer, prompts, options, batch);
  for (size_t i = 0; i < prompts.size(); ++i) {
    SCOPED_TRACE(texts[i]);
    expect_equal(result.answers[i], alone(loaded.model, tokenizer, prompts[i], options[i], loaded.model.make_cache()));
  }
}

}  // namespace
}  // namespace mica::lm
