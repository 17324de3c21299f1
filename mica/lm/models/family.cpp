#include "mica/lm/models/family.h"

#include <cmath>
#include <map>

#include "mica/base/error.h"

namespace mica::lm {
namespace {

using Describe = ModelDescription (*)(const Config&);

const std::map<std::string, Describe>& families() {
  static const std::map<std::string, Describe> all = {
      {"llama", describe_llama},   {"mistral", describe_mistral},         {"qwen2", describe_qwen2},
      {"qwen3", describe_qwen3},   {"qwen3_moe", describe_qwen3_moe},     {"gemma", describe_gemma},
      {"gemma2", describe_gemma2}, {"gemma3_text", describe_gemma3_text}, {"phi3", describe_phi3},
      {"olmo2", describe_olmo2},   {"granite", describe_granite},         {"smollm3", describe_smollm3},
  };
  return all;
}

/// Far above what any model has; keeps tables of absurd size from being made.
constexpr int kMaxHeadDim = 65536;

/// Combinations that no checkpoint can have and that would only fail deep inside.
void check(const Config& config, const ModelDescription& model) {
  for (const LayerDescription& layer : model.layers) {
    const AttentionDescription& attention = layer.attention;
    if (attention.num_heads % attention.num_kv_heads != 0) {
      fail("{}: num_key_value_heads {} does not divide num_attention_heads {}", config.name(), attention.num_kv_heads,
           attention.num_heads);
    }
    if (layer.moe && layer.moe->top_k > layer.moe->num_experts) {
      fail("{}: num_experts_per_tok {} of {} experts", config.name(), layer.moe->top_k, layer.moe->num_experts);
    }
  }
}

}  // namespace

ModelDescription describe(const Config& config) {
  const std::string type = config.text("model_type");
  const auto found = families().find(type);
  if (found == families().end()) {
    std::string known;
    for (const auto& [name, unused] : families()) known += (known.empty() ? "" : ", ") + name;
    fail("{}: model_type {} is not supported; known are {}", config.name(), mica::quoted(type), known);
  }
  ModelDescription model = found->second(config);
  model.model_type = type;
  check(config, model);
  return model;
}

std::vector<std::string> model_types() {
  std::vector<std::string> out;
  for (const auto& [name, unused] : families()) out.push_back(name);
  return out;
}

ModelDescription llama_like(const Config& config) {
  ModelDescription model;
  model.vocab_size = config.integer("vocab_size");
  model.hidden_size = config.integer("hidden_size");
  model.max_position_embeddings = config.integer("max_position_embeddings", 2048);
  model.norm_eps = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  if (!(model.norm_eps >= 0) || std::isinf(model.norm_eps)) config.wrong("rms_norm_eps", "a small positive number");
  model.tie_word_embeddings = config.flag("tie_word_embeddings", false);

  LayerDescription layer;
  AttentionDescription& attention = layer.attention;
  attention.num_heads = config.integer("num_attention_heads");
  attention.num_kv_heads = config.integer("num_key_value_heads", attention.num_heads);
  attention.head_dim = config.integer("head_dim", std::max(model.hidden_size / attention.num_heads, 1));
  if (attention.head_dim > kMaxHeadDim) {
    fail("{}: head_dim (or hidden_size / num_attention_heads) is {}, at most {} is supported", config.name(),
         attention.head_dim, kMaxHeadDim);
  }
  attention.scale = 1.0f / std::sqrt(static_cast<float>(attention.head_dim));
  attention.rope = 0;
  attention.qkv_bias = attention.output_bias = config.flag("attention_bias", false);
  layer.mlp.hidden = config.integer("intermediate_size");
  layer.mlp.activation = activation_kind(config, config.text("hidden_act", "silu"));
  layer.mlp.bias = config.flag("mlp_bias", false);

  const int num_layers = config.integer("num_hidden_layers");
  if (num_layers > 10000) config.wrong("num_hidden_layers", "at most 10000");
  model.layers.assign(static_cast<size_t>(num_layers), layer);
  model.ropes = {Rope::from_config(config, attention.head_dim)};
  const std::vector<bool> sliding = sliding_layers(config);
  for (size_t i = 0; i < sliding.size(); ++i) {
    if (sliding[i]) model.layers[i].attention.window = config.integer("sliding_window");
  }
  return model;
}

std::vector<bool> sliding_layers(const Config& config) {
  std::vector<bool> out;
  if (!config.has("layer_types")) return out;
  for (const std::string& type : config.texts("layer_types")) {
    if (type != "sliding_attention" && type != "full_attention") {
      config.wrong("layer_types", "sliding_attention and full_attention only");
    }
    out.push_back(type == "sliding_attention");
  }
  if (out.size() != static_cast<size_t>(config.integer("num_hidden_layers"))) {
    config.wrong("layer_types", "one entry for each of num_hidden_layers");
  }
  return out;
}

ActivationKind activation_kind(const Config& config, const std::string& name) {
  if (name == "silu" || name == "swish") return ActivationKind::silu;
  if (name == "gelu") return ActivationKind::gelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast") return ActivationKind::gelu_tanh;
  fail("{}: activation {} is not one of silu, gelu, gelu_pytorch_tanh", config.name(), mica::quoted(name));
}

}  // namespace mica::lm
