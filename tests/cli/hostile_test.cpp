// Whatever a model folder, a file or a flag holds: the program ends with one line that names what is wrong.
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/base/sanitized.h"
#include "tests/cli/program.h"
#include "tests/cli/tiny_model.h"
#include "tests/io/temp_folder.h"

namespace mica::test {
namespace {

/// Seconds; sanitizers, on a busy machine, need more.
constexpr std::chrono::seconds kTimeout{kSanitized ? 60 : 10};

void expect_refused(const Arguments& arguments, const std::string& named) {
  const Outcome outcome = run(arguments, {.timeout = kTimeout});
  EXPECT_TRUE(outcome.in_time);
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_GT(outcome.code, 0);
  EXPECT_TRUE(is_one_line_error(outcome.err)) << outcome.err;
  EXPECT_NE(outcome.err.find(named), std::string::npos) << outcome.err;
}

Arguments generate(const std::filesystem::path& model) {
  return {"generate", "--model", model.string(), "--prompt", "abc", "--max-tokens", "2"};
}

/// A change to the tiny model, and what the error must name.
struct FolderCase {
  const char* name;
  const char* named;
  std::function<void(TinyModel&)> change;
};
void PrintTo(const FolderCase& one, std::ostream* out) {
  *out << one.name;
}

class HostileFolder : public testing::TestWithParam<FolderCase> {};

TEST_P(HostileFolder, IsRefused) {
  const TempFolder folder;
  TinyModel model;
  GetParam().change(model);
  model.write(folder.path());
  expect_refused(generate(folder.path()), GetParam().named);
}

/// Sets a key of config.json.
FolderCase config(const char* name, const char* key, const Json& value) {
  return {name, key, [=](TinyModel& model) { model.config[key] = value; }};
}
FolderCase missing(const char* name, const char* key) {
  return {name, key, [=](TinyModel& model) { model.config.erase(key); }};
}
FolderCase file(const char* name, const char* file_name, const std::string& text) {
  return {name, file_name, [=](TinyModel& model) { model.files[file_name] = text; }};
}
FolderCase tensor(const char* name, const char* path,
                  const std::function<void(std::map<std::string, TinyTensor>&)>& change) {
  return {name, path, [=](TinyModel& model) { change(model.tensors); }};
}

/// The tiny model with quantized attention queries, as `quantization` says.
void quantize_queries(TinyModel& model, const Json& quantization) {
  model.config["quantization"] = quantization;
  const std::string module = "model.layers.0.self_attn.q_proj.";
  model.tensors[module + "weight"] = {{16, 2}, StorageType::u32};
  model.tensors[module + "scales"] = {{16, 1}};
  model.tensors[module + "biases"] = {{16, 1}};
}

constexpr const char* kQueries = "model.layers.0.self_attn.q_proj.weight";

INSTANTIATE_TEST_SUITE_P(
    Config, HostileFolder,
    testing::Values(
        missing("no_model_type", "model_type"), missing("no_hidden_size", "hidden_size"),
        missing("no_vocab_size", "vocab_size"), missing("no_layers", "num_hidden_layers"),
        missing("no_heads", "num_attention_heads"), config("type_is_number", "model_type", 7),
        config("unknown_type", "model_type", "rwkv9"), config("type_with_control_codes", "model_type", "\x1b[31m\n"),
        config("size_is_text", "hidden_size", "16"), config("size_is_null", "hidden_size", nullptr),
        config("size_is_list", "hidden_size", {16}), config("size_is_fraction", "hidden_size", 16.5),
        config("size_is_negative", "hidden_size", -16), config("size_is_huge", "hidden_size", 1000000000000),
        FolderCase{"size_is_2_31", "head_dim", [](TinyModel& model) { model.config["hidden_size"] = 2147483647; }},
        FolderCase{"vocabulary_mismatch", "embed_tokens", [](TinyModel& model) { model.config["vocab_size"] = 17; }},
        FolderCase{"vocabulary_huge", "embed_tokens",
                   [](TinyModel& model) { model.config["vocab_size"] = 2147483647; }},
        config("no_head", "num_attention_heads", 0),
        FolderCase{"heads_huge", "head_dim",
                   [](TinyModel& model) { model.config["num_attention_heads"] = 2147483647; }},
        config("no_kv_head", "num_key_value_heads", 0), config("kv_heads_not_dividing", "num_key_value_heads", 3),
        config("head_dim_odd", "head_dim", 7), config("head_dim_huge", "head_dim", 2147483646),
        config("partial_rotary_odd", "partial_rotary_factor", 0.4),
        config("partial_rotary_negative", "partial_rotary_factor", -1),
        config("partial_rotary_huge", "partial_rotary_factor", 1e300), config("theta_zero", "rope_theta", 0),
        config("theta_text", "rope_theta", "big"), config("theta_infinite", "rope_theta", {{"__float__", "Infinity"}}),
        config("eps_text", "rms_norm_eps", "small"), config("eps_negative", "rms_norm_eps", -1e-5),
        config("layers_huge", "num_hidden_layers", 1000000000), config("context_zero", "max_position_embeddings", 0),
        FolderCase{"activation_unknown", "relu99", [](TinyModel& model) { model.config["hidden_act"] = "relu99"; }},
        config("tie_is_number", "tie_word_embeddings", 1), config("layer_types_short", "layer_types", Json::array()),
        config("layer_types_unknown", "layer_types", {"magic"}), config("layer_types_not_text", "layer_types", {1}),
        FolderCase{"window_missing", "sliding_window",
                   [](TinyModel& model) { model.config["layer_types"] = {"sliding_attention"}; }},
        config("intermediate_zero", "intermediate_size", 0)),
    [](const auto& test) { return test.param.name; });

/// rope_scaling of config.json.
FolderCase rope(const char* name, const char* named, const Json& scaling) {
  return {name, named, [=](TinyModel& model) { model.config["rope_scaling"] = scaling; }};
}

INSTANTIATE_TEST_SUITE_P(
    Rope, HostileFolder,
    testing::Values(rope("type_unknown", "rope_type", {{"rope_type", "spiral"}}),
                    rope("type_is_number", "rope_type", {{"rope_type", 3}}),
                    rope("factor_missing", "factor", {{"rope_type", "linear"}}),
                    rope("factor_zero", "factor", {{"rope_type", "linear"}, {"factor", 0}}),
                    rope("factor_negative", "factor", {{"rope_type", "llama3"}, {"factor", -8}}),
                    rope("yarn_factor_zero", "factor", {{"rope_type", "yarn"}, {"factor", 0}}),
                    rope("dynamic_factor_negative", "factor", {{"rope_type", "dynamic"}, {"factor", -1}}),
                    rope("longrope_short", "short_factor",
                         {{"rope_type", "longrope"}, {"short_factor", {1.0}}, {"long_factor", {1.0}}}),
                    rope("is_text", "rope_scaling", "linear")),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Files, HostileFolder,
    testing::Values(
        file("config_empty", "config.json", ""), file("config_is_list", "config.json", "[]"),
        file("config_cut", "config.json", R"({"model_type": "lla)"),
        file("config_not_utf8", "config.json", "{\"model_type\": \"\xff\xfe\"}"),
        file("config_deep", "config.json", std::string(100000, '[')), file("tokenizer_empty", "tokenizer.json", ""),
        file("tokenizer_is_list", "tokenizer.json", "[1]"), file("tokenizer_no_model", "tokenizer.json", "{}"),
        file("tokenizer_model_unknown", "tokenizer.json", R"({"model": {"type": "Magic"}})"),
        file("tokenizer_negative_id", "tokenizer.json",
             R"({"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}})"),
        file("tokenizer_huge_id", "tokenizer.json",
             R"({"model": {"type": "BPE", "vocab": {"a": 4000000000}, "merges": []}})"),
        file("weights_empty", "model.safetensors", ""), file("weights_short", "model.safetensors", "abc"),
        file("weights_header_huge", "model.safetensors", std::string(7, '\xff') + '\x7f' + "{}"),
        file("weights_header_broken", "model.safetensors", std::string("\x02\0\0\0\0\0\0\0{x", 10)),
        file("index_climbs", "model.safetensors.index.json", R"({"weight_map": {"x": "../../x.safetensors"}})"),
        file("index_broken", "model.safetensors.index.json", R"({"weight_map": 3})"),
        file("template_broken", "chat_template.jinja", "{% for x in %}"),
        file("template_refuses", "chat_template.jinja", "{{ raise_exception('no') }}"),
        file("template_never_ends", "chat_template.jinja",
             "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}"
             "{% endfor %}{% endfor %}"),
        file("template_calls_itself", "chat_template.jinja", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        file("template_grows", "chat_template.jinja",
             "{% set n = namespace(s='xxxxxxxx') %}{% for i in range(99) %}"
             "{% set n.s = n.s + n.s %}{% endfor %}{{ n.s }}"),
        FolderCase{"weights_cut", "model.safetensors",
                   [](TinyModel& model) {
                     const TempFolder scratch;
                     std::string bytes = model.safetensors(scratch.path() / "whole");
                     bytes.resize(bytes.size() - 5);
                     model.files["model.safetensors"] = bytes;
                   }},
        FolderCase{"no_config", "config.json", [](TinyModel& model) { model.without = {"config.json"}; }},
        FolderCase{"no_weights", "safetensors", [](TinyModel& model) { model.without = {"model.safetensors"}; }},
        FolderCase{"no_tokenizer", "tokenizer", [](TinyModel& model) { model.without = {"tokenizer.json"}; }},
        FolderCase{"no_files", "config.json",
                   [](TinyModel& model) { model.without = {"config.json", "tokenizer.json", "model.safetensors"}; }},
        FolderCase{"tokens_beyond_the_model", "20",
                   [](TinyModel& model) { model.tokenizer["model"]["vocab"]["a"] = 20; }}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Tensors, HostileFolder,
    testing::Values(
        tensor("missing", kQueries, [](auto& all) { all.erase(kQueries); }),
        tensor("extra", "model.layers.7.x", [](auto& all) { all["model.layers.7.x"] = {{2}}; }),
        tensor("wrong_shape", kQueries, [](auto& all) { all[kQueries].shape = {16, 15}; }),
        tensor("transposed", "k_proj",
               [](auto& all) { all["model.layers.0.self_attn.k_proj.weight"].shape = {16, 8}; }),
        tensor("scalar", kQueries, [](auto& all) { all[kQueries].shape = {}; }),
        tensor("flat", kQueries, [](auto& all) { all[kQueries].shape = {256}; }),
        tensor("empty", kQueries, [](auto& all) { all[kQueries].shape = {0, 16}; }),
        tensor("norm_wrong_shape", "model.norm.weight", [](auto& all) { all["model.norm.weight"].shape = {15}; }),
        tensor("integers", kQueries, [](auto& all) { all[kQueries].type = StorageType::i64; }),
        tensor("embedding_rows", "model.embed_tokens.weight",
               [](auto& all) { all["model.embed_tokens.weight"].shape = {15, 16}; }),
        FolderCase{"layer_without_tensors", "model.layers.1.",
                   [](TinyModel& model) { model.config["num_hidden_layers"] = 2; }},
        FolderCase{"packed_without_quantization", kQueries, [](TinyModel& model) { quantize_queries(model, nullptr); }},
        FolderCase{"bits_9", kQueries,
                   [](TinyModel& model) { quantize_queries(model, {{"bits", 9}, {"group_size", 64}}); }},
        FolderCase{"bits_0", "bits",
                   [](TinyModel& model) { quantize_queries(model, {{"bits", 0}, {"group_size", 64}}); }},
        FolderCase{"group_size_0", "group_size",
                   [](TinyModel& model) { quantize_queries(model, {{"bits", 4}, {"group_size", 0}}); }},
        FolderCase{"group_size_7", kQueries,
                   [](TinyModel& model) { quantize_queries(model, {{"bits", 4}, {"group_size", 7}}); }},
        FolderCase{"groups_longer_than_rows", kQueries,
                   [](TinyModel& model) { quantize_queries(model, {{"bits", 4}, {"group_size", 64}}); }},
        FolderCase{
            "mode_unknown", kQueries,
            [](TinyModel& model) { quantize_queries(model, {{"bits", 4}, {"group_size", 32}, {"mode", "fp3"}}); }}),
    [](const auto& test) { return test.param.name; });

struct GgufCase {
  const char* name;
  const char* named;
  std::function<void(TinyGguf&)> change;
};
void PrintTo(const GgufCase& one, std::ostream* out) {
  *out << one.name;
}

class HostileGguf : public testing::TestWithParam<GgufCase> {};

TEST_P(HostileGguf, IsRefused) {
  const TempFolder folder;
  TinyGguf model;
  GetParam().change(model);
  expect_refused(generate(folder.write("tiny.gguf", model.bytes())), GetParam().named);
}

GgufCase number(const char* name, const char* key, uint32_t value) {
  return {name, "tiny.gguf", [=](TinyGguf& model) { model.numbers[key] = value; }};
}
GgufCase dims(const char* name, const char* tensor_name, const std::vector<int64_t>& value) {
  return {name, "tiny.gguf", [=](TinyGguf& model) { model.tensors[tensor_name].dims = value; }};
}

INSTANTIATE_TEST_SUITE_P(
    Values, HostileGguf,
    testing::Values(
        number("no_blocks", "llama.block_count", 0), number("many_blocks", "llama.block_count", 1000000000),
        number("two_blocks", "llama.block_count", 2), number("no_heads", "llama.attention.head_count", 0),
        number("many_heads", "llama.attention.head_count", 4000000000u),
        number("no_kv_heads", "llama.attention.head_count_kv", 0),
        number("kv_heads_not_dividing", "llama.attention.head_count_kv", 3),
        number("no_width", "llama.embedding_length", 0), number("huge_width", "llama.embedding_length", 4294967295u),
        number("other_width", "llama.embedding_length", 17), number("no_context", "llama.context_length", 0),
        number("key_length_odd", "llama.attention.key_length", 7), number("rope_odd", "llama.rope.dimension_count", 3),
        number("rope_wide", "llama.rope.dimension_count", 4096), number("theta_zero", "llama.rope.freq_base", 0),
        GgufCase{"width_is_text", "embedding_length",
                 [](TinyGguf& model) {
                   model.numbers.erase("llama.embedding_length");
                   model.texts["llama.embedding_length"] = "16";
                 }},
        GgufCase{"no_architecture", "general.architecture",
                 [](TinyGguf& model) { model.texts.erase("general.architecture"); }},
        GgufCase{"architecture_unknown", "general.architecture",
                 [](TinyGguf& model) { model.texts["general.architecture"] = "rwkv\n9"; }},
        GgufCase{"no_vocabulary", "tokenizer.ggml", [](TinyGguf& model) { model.texts.erase("tokenizer.ggml.model"); }},
        GgufCase{"vocabulary_unknown", "tokenizer.ggml.model",
                 [](TinyGguf& model) { model.texts["tokenizer.ggml.model"] = "magic"; }},
        GgufCase{"vocabulary_longer_than_embedding", "tiny.gguf", [](TinyGguf& model) { model.vocabulary = 20; }},
        GgufCase{"template_broken", "tiny.gguf",
                 [](TinyGguf& model) { model.texts["tokenizer.chat_template"] = "{% if %}"; }},
        GgufCase{"no_tensors", "tiny.gguf", [](TinyGguf& model) { model.tensors.clear(); }}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Tensors, HostileGguf,
    testing::Values(
        GgufCase{"missing", "self_attn.q_proj", [](TinyGguf& model) { model.tensors.erase("blk.0.attn_q.weight"); }},
        GgufCase{"no_embedding", "token_embd", [](TinyGguf& model) { model.tensors.erase("token_embd.weight"); }},
        GgufCase{"extra", "blk.0.surprise.weight",
                 [](TinyGguf& model) { model.tensors["blk.0.surprise.weight"] = {{16}}; }},
        GgufCase{"layer_extra", "model.layers.5",
                 [](TinyGguf& model) { model.tensors["blk.5.attn_q.weight"] = {{16, 16}}; }},
        GgufCase{"type_unknown", "blk.0.attn_q.weight",
                 [](TinyGguf& model) { model.tensors["blk.0.attn_q.weight"].type = 999; }},
        GgufCase{"type_integers", "blk.0.attn_q.weight",
                 [](TinyGguf& model) { model.tensors["blk.0.attn_q.weight"].type = 26; }},
        GgufCase{"blocks_not_whole", "blk.0.attn_q.weight",
                 [](TinyGguf& model) { model.tensors["blk.0.attn_q.weight"].type = 12; }},
        dims("query_shape", "blk.0.attn_q.weight", {16, 15}), dims("query_flat", "blk.0.attn_q.weight", {256}),
        dims("query_scalar", "blk.0.attn_q.weight", {}), dims("query_deep", "blk.0.attn_q.weight", {2, 2, 2, 2, 16}),
        dims("embedding_scalar", "token_embd.weight", {}), dims("embedding_flat", "token_embd.weight", {256}),
        dims("norm_shape", "output_norm.weight", {4, 4}),
        dims("query_huge", "blk.0.attn_q.weight", {16, int64_t{1} << 58})),
    [](const auto& test) { return test.param.name; });

TEST(Hostile, GgufCutAnywhere) {
  const TempFolder folder;
  const std::string whole = TinyGguf{}.bytes();
  for (size_t length = 0; length < whole.size(); length += whole.size() / 9) {
    SCOPED_TRACE(length);
    expect_refused(generate(folder.write("cut.gguf", whole.substr(0, length))), "cut.gguf");
  }
}

TEST(Hostile, UnchangedModelsWork) {
  // Otherwise the refusals above would show nothing.
  const TempFolder folder;
  TinyModel{}.write(folder.path());
  const auto gguf = folder.write("tiny.gguf", TinyGguf{}.bytes());
  for (const auto& model : {folder.path(), gguf}) {
    const Outcome outcome = run(generate(model), {.timeout = kTimeout});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_GT(outcome.out.size(), 1u);
  }
}

TEST(Hostile, PathsThatAreNoModels) {
  const TempFolder folder;
  expect_refused(generate(folder.path() / "nothing"), "nothing");
  expect_refused(generate(folder.path()), "config.json");
  expect_refused(generate("/dev/null"), "/dev/null");
  const auto fifo = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  expect_refused(generate(fifo), "pipe");
  expect_refused({"tokenize", "--model", fifo.string(), "--text", "a"}, "pipe");
  std::filesystem::create_directory(folder.path() / "config.json");
  expect_refused(generate(folder.path()), "config.json");
  if (::geteuid() != 0) {
    const auto locked = folder.write("locked.gguf", TinyGguf{}.bytes());
    std::filesystem::permissions(locked, std::filesystem::perms::none);
    expect_refused(generate(locked), "locked.gguf");
  }
}

TEST(Hostile, Flags) {
  const TempFolder folder;
  TinyModel{}.write(folder.path());
  const std::string model = folder.path().string();
  const auto refused = [&](Arguments arguments, const char* named) {
    arguments.insert(arguments.begin() + 1, {"--model", model});
    SCOPED_TRACE(arguments[0] + " " + arguments.back());
    expect_refused(arguments, named);
  };
  const std::string npy = (folder.path() / "l.npy").string();
  refused({"generate", "-p", "abc", "--chunk", "0"}, "--chunk");
  refused({"generate", "-p", "abc", "--threads", "0"}, "--threads");
  refused({"generate", "-p", "abc", "--max-tokens", "many"}, "--max-tokens");
  refused({"generate", "-p", "abc", "--temp", "-1"}, "temp");
  refused({"generate", "-p", "abc", "--temp", "nan"}, "temp");
  refused({"generate", "-p", "abc", "--top-p", "2"}, "top_p");
  refused({"generate", "-p", "abc", "--top-k", "-3"}, "top_k");
  refused({"generate", "-p", "abc", "--seed", "-1"}, "--seed");
  refused({"generate", "-p", "abc", "--extra-eos-token", "zz"}, "--extra-eos-token");
  refused({"generate", "-p", ""}, "prompt");
  refused({"logits", "--tokens", "1 2", "--output", npy, "--chunk", "0"}, "--chunk");
  refused({"logits", "--tokens", "16", "--output", npy}, "16");
  refused({"logits", "--tokens", "-1", "--output", npy}, "-1");
  refused({"logits", "--tokens", "99999999999999999999", "--output", npy}, "--tokens");
  refused({"logits", "--tokens", "1 x", "--output", npy}, "--tokens");
  refused({"logits", "--tokens", "", "--output", npy}, "--tokens");
  refused({"logits", "--tokens", "1", "--output", "/nonexistent/l.npy"}, "/nonexistent/l.npy");
  refused({"detokenize", "--tokens", "16"}, "16");
  refused({"tokenize"}, "--text");
  refused({"tokenize", "--file", "/nonexistent"}, "/nonexistent");
  refused({"perplexity", "--file", "/nonexistent"}, "/nonexistent");
  refused({"perplexity", "--file", model}, model.c_str());
  refused({"bench", "-p", "0", "-n", "-1"}, "--generation-tokens");
  refused({"bench", "--config", model + "/config.json", "--packed", "x"}, "--packed");
  refused({"generate", "-p", "abc", "--packed", "/nonexistent"}, "/nonexistent");
  refused({"pack", "--output", "/nonexistent/packed"}, "/nonexistent/packed");
  refused({"template", "--messages", "/nonexistent"}, "template");
  refused({"chat", "--max-tokens", "x"}, "--max-tokens");
}

TEST(Hostile, TemplatesThatDoNotEnd) {
  const TempFolder folder;
  const auto messages = folder.write("m.json", R"([{"role": "user", "content": "hi"}])").string();
  const char* loops[] = {
      "{% for i in range(1000000000000) %}x{% endfor %}",
      R"({% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}
         {% endfor %}{% endfor %}{% endfor %})",
      "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
      "{{ 'x' * 10000000000 }}",
      "{{ [1] * 10000000000 }}",
  };
  for (const char* loop : loops) {
    SCOPED_TRACE(loop);
    const auto file = folder.write("loop.jinja", loop).string();
    expect_refused({"template", "--template", file, "--messages", messages}, "loop.jinja");
  }
}

}  // namespace
}  // namespace mica::test
