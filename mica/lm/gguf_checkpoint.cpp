#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/io/gguf.h"
#include "mica/lm/weights.h"

namespace mica::lm {
namespace {

/// What an architecture of llama.cpp is called in transformers, and how its files differ.
struct Architecture {
  std::string_view gguf;
  std::string_view model_type;
  /// q and k rows are ordered for neighbouring pairs (llama.cpp reorders them when it converts).
  bool traditional_rope;
  /// The norms' offset of 1 is part of the stored weights.
  bool norm_offset_included;
};

constexpr std::array<Architecture, 11> kArchitectures = {{
    {"llama", "llama", true, false},
    {"qwen2", "qwen2", false, false},
    {"qwen3", "qwen3", false, false},
    {"qwen3moe", "qwen3_moe", false, false},
    {"gemma", "gemma", false, true},
    {"gemma2", "gemma2", false, true},
    {"gemma3", "gemma3_text", false, true},
    {"phi3", "phi3", false, false},
    {"olmo2", "olmo2", false, false},
    {"granite", "granite", true, false},
    {"smollm3", "smollm3", true, false},
}};

/// ggml's names and MLX's, of whole-model tensors.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kModelNames = {{
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
}};

/// Of a layer's tensors: blk.N.<first> is model.layers.N.<second>.
constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kLayerNames = {{
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"post_attention_norm", "post_attention_layernorm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"post_ffw_norm", "post_feedforward_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "mlp.gate"},
    {"ffn_gate_exps", "mlp.switch_mlp.gate_proj"},
    {"ffn_up_exps", "mlp.switch_mlp.up_proj"},
    {"ffn_down_exps", "mlp.switch_mlp.down_proj"},
}};

const Architecture& architecture_of(const GgufFile& file) {
  const std::string_view name = file.get_string("general.architecture");
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.gguf == name) return architecture;
  }
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    known += (known.empty() ? "" : ", ") + std::string(architecture.gguf);
  }
  fail("{}: general.architecture {} is not supported; known are {}", file.path().string(), mica::quoted(name), known);
}

class ConfigBuilder {
 public:
  ConfigBuilder(const GgufFile& file, std::string_view architecture)
      : file_(file), prefix_(std::string(architecture) + ".") {}

  bool has(std::string_view key) const { return file_.find(prefix_ + std::string(key)) != nullptr; }
  void number(const char* to, std::string_view key) {
    if (has(key)) json_[to] = file_.get_f64(prefix_ + std::string(key));
  }
  void integer(const char* to, std::string_view key) {
    if (!has(key)) return;
    const std::string name = prefix_ + std::string(key);
    const auto values = file_.get(name).as_i64_array();
    if (values.empty()) fail("{}: {} is an empty list", file_.path().string(), name);
    json_[to] = values.front();
  }
  double value(std::string_view key, double fallback) const {
    return file_.get_f64(prefix_ + std::string(key), fallback);
  }
  std::string text(std::string_view key) const { return std::string(file_.get_string(prefix_ + std::string(key), "")); }
  Json& json() { return json_; }

 private:
  const GgufFile& file_;
  std::string prefix_;
  Json json_ = Json::object();
};

void add_rope(const GgufFile& file, ConfigBuilder& config, double head_dim) {
  Json& json = config.json();
  if (config.has("rope.dimension_count") && head_dim > 0) {
    json["partial_rotary_factor"] = config.value("rope.dimension_count", 0) / head_dim;
  }
  const std::string type = config.text("rope.scaling.type");
  const GgufTensor* factors_long = file.find_tensor("rope_factors_long.weight");
  const GgufTensor* factors_short = file.find_tensor("rope_factors_short.weight");
  Json scaling = Json::object();
  if (factors_long && factors_short) {
    const auto read = [](const GgufTensor& tensor) {
      Json list = Json::array();
      if (tensor.type->name != "F32") fail("tensor {}: must be F32", tensor.name);
      for (int64_t i = 0; i < tensor.elements(); ++i) {
        float value = 0;
        std::memcpy(&value, tensor.bytes.data() + i * 4, 4);
        list.push_back(value);
      }
      return list;
    };
    scaling = {{"rope_type", "longrope"}, {"long_factor", read(*factors_long)}, {"short_factor", read(*factors_short)}};
    if (config.has("rope.scaling.attn_factor"))
      scaling["attention_factor"] = config.value("rope.scaling.attn_factor", 1);
  } else if (type == "linear" || type == "yarn") {
    scaling = {{"rope_type", type}, {"factor", config.value("rope.scaling.factor", 1.0)}};
  }
  if (scaling.empty()) return;
  if (config.has("rope.scaling.original_context_length")) {
    scaling["original_max_position_embeddings"] = config.value("rope.scaling.original_context_length", 0);
  }
  json["rope_scaling"] = std::move(scaling);
}

Config config_of(const GgufFile& file, const Architecture& architecture) {
  ConfigBuilder config(file, architecture.gguf);
  Json& json = config.json();
  json["model_type"] = std::string(architecture.model_type);
  config.integer("hidden_size", "embedding_length");
  config.integer("num_hidden_layers", "block_count");
  config.integer("intermediate_size", "feed_forward_length");
  config.integer("num_attention_heads", "attention.head_count");
  config.integer("num_key_value_heads", "attention.head_count_kv");
  config.integer("head_dim", "attention.key_length");
  config.integer("max_position_embeddings", "context_length");
  config.integer("sliding_window", "attention.sliding_window");
  config.integer("num_experts", "expert_count");
  config.integer("num_experts_per_tok", "expert_used_count");
  config.integer("moe_intermediate_size", "expert_feed_forward_length");
  config.number("rms_norm_eps", "attention.layer_norm_rms_epsilon");
  config.number("rope_theta", "rope.freq_base");
  config.number("attn_logit_softcapping", "attn_logit_softcapping");
  config.number("final_logit_softcapping", "final_logit_softcapping");
  config.number("embedding_multiplier", "embedding_scale");
  config.number("residual_multiplier", "residual_scale");
  config.number("logits_scaling", "logit_scale");
  config.number("attention_multiplier", "attention.scale");
  json["rope_traditional"] = architecture.traditional_rope;
  json["norm_offset_included"] = architecture.norm_offset_included;
  if (architecture.model_type == "qwen3_moe") json["norm_topk_prob"] = true;
  if (architecture.model_type == "gemma2" || architecture.model_type == "gemma3_text") {
    // Files name no scalar: it is the head's size, except in the 27B models, whose scale is that of hidden / heads.
    const double heads = config.value("attention.head_count", 1);
    const double layers = config.value("block_count", 0);
    const bool large = (architecture.model_type == "gemma2" && layers == 46) ||
                       (architecture.model_type == "gemma3_text" && layers == 62);
    json["query_pre_attn_scalar"] =
        large ? config.value("embedding_length", 0) / heads : config.value("attention.key_length", 256);
  }
  const GgufTensor& embedding = file.get_tensor("token_embd.weight");
  if (embedding.dims.size() != 2) {
    fail("{}: tensor token_embd.weight has {} dimensions, expected 2", file.path().string(), embedding.dims.size());
  }
  const int64_t rows = embedding.shape().front();
  json["vocab_size"] = rows;
  if (const GgufValue* tokens = file.find("tokenizer.ggml.tokens")) {
    const auto count = static_cast<int64_t>(tokens->as_strings().size());
    if (count > rows) {
      fail("{}: tokenizer.ggml.tokens has {} tokens, token_embd.weight has {} rows", file.path().string(), count, rows);
    }
  }
  json["tie_word_embeddings"] = file.find_tensor("output.weight") == nullptr;
  json["attention_bias"] = file.find_tensor("blk.0.attn_q.bias") != nullptr;
  const double heads = config.value("attention.head_count", 1);
  const double head_dim =
      config.value("attention.key_length", config.value("embedding_length", 0) / std::max(heads, 1.0));
  add_rope(file, config, head_dim);
  return Config(std::move(json), file.path().string());
}

/// MLX's path of a tensor; empty for one that no model needs.
std::string path_of(const GgufFile& file, const Architecture& architecture, const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {};
  const std::string stem = name.substr(0, dot);
  const std::string tail = name.substr(dot);
  for (const auto& [from, to] : kModelNames) {
    if (stem == from) return std::string(to) + tail;
  }
  if (!stem.starts_with("blk.")) return {};
  const size_t second = stem.find('.', 4);
  if (second == std::string::npos) return {};
  const std::string layer = stem.substr(4, second - 4);
  const std::string part = stem.substr(second + 1);
  const std::string prefix = "model.layers." + layer + ".";
  const bool sandwich = architecture.model_type == "gemma2" || architecture.model_type == "gemma3_text";
  if (sandwich && part == "ffn_norm") return prefix + "pre_feedforward_layernorm" + tail;
  // Phi-3's gate and up are one matrix, which llama.cpp calls ffn_up.
  if (architecture.model_type == "phi3" && part == "ffn_up") return prefix + "mlp.gate_up_proj" + tail;
  for (const auto& [from, to] : kLayerNames) {
    if (part == from) return fmt::format("{}{}{}", prefix, to, tail);
  }
  fail("{}: tensor {} is not part of a {} model that mica knows", file.path().string(), mica::quoted(name),
       architecture.gguf);
}

array bytes_of(const GgufTensor& tensor, Shape shape, Dtype dtype) {
  return array::mapped(tensor.owner, tensor.bytes.data(), std::move(shape), dtype);
}

void add_tensor(Weights& weights, const GgufFile& file, const GgufTensor& tensor, const std::string& path) {
  const auto dims = tensor.shape();
  Shape shape(dims.begin(), dims.end());
  if (tensor.type->name == "F32") return weights.add(path, bytes_of(tensor, shape, float32));
  if (tensor.type->name == "F16") return weights.add(path, bytes_of(tensor, shape, float16));
  if (tensor.type->name == "BF16") return weights.add(path, bytes_of(tensor, shape, bfloat16));
  const auto format = format_of_ggml_type(tensor.type->id);
  if (!format || shape.size() < 2) {
    fail("{}: tensor {}: type {} is not supported", file.path().string(), tensor.name, tensor.type->name);
  }
  const int64_t cols = shape.back();
  shape.back() = format->row_bytes(cols);
  weights.add_blocks(path, stored_ggml(bytes_of(tensor, shape, uint8), *format, cols));
}

std::vector<float> rope_factors(const GgufFile& file) {
  const GgufTensor* tensor = file.find_tensor("rope_freqs.weight");
  if (!tensor || tensor->type->name != "F32") return {};
  std::vector<float> out(static_cast<size_t>(tensor->elements()));
  std::memcpy(out.data(), tensor->bytes.data(), out.size() * sizeof(float));
  return out;
}

}  // namespace

Checkpoint open_gguf_checkpoint(const std::filesystem::path& path) {
  const GgufFile file = GgufFile::open(path);
  const Architecture& architecture = architecture_of(file);
  if (file.tensors().empty()) fail("{}: a vocabulary without a model: there are no tensors in it", path.string());
  const Config config = config_of(file, architecture);
  Checkpoint out{config, Weights(config), rope_factors(file), 0, 0, "GGUF"};
  for (const GgufTensor& tensor : file.tensors()) {
    out.bytes += tensor.bytes.size();
    out.parameters += static_cast<uint64_t>(tensor.elements());
    const std::string parameter = path_of(file, architecture, tensor.name);
    if (!parameter.empty()) add_tensor(out.weights, file, tensor, parameter);
  }
  return out;
}

}  // namespace mica::lm
