#include "mica/base/error.h"
#include "mica/lm/models/family.h"

namespace mica::lm {
namespace {

/// Where layer_types is missing, use_sliding_window gives a window to the layers from max_window_layers on.
void apply_window(const Config& config, ModelDescription& model) {
  if (!config.flag("use_sliding_window", false)) {
    for (LayerDescription& layer : model.layers) layer.attention.window = 0;
    return;
  }
  if (config.has("layer_types") || !config.has("sliding_window")) return;
  const auto first = static_cast<size_t>(config.integer("max_window_layers", 0));
  for (size_t i = first; i < model.layers.size(); ++i) {
    model.layers[i].attention.window = config.integer("sliding_window");
  }
}

}  // namespace

// Qwen2 and 2.5: biases on q, k and v.
ModelDescription describe_qwen2(const Config& config) {
  ModelDescription model = llama_like(config);
  for (LayerDescription& layer : model.layers) {
    layer.attention.qkv_bias = true;
    layer.attention.output_bias = false;
  }
  apply_window(config, model);
  return model;
}

// Qwen3: no biases, but queries and keys are normalized head by head.
ModelDescription describe_qwen3(const Config& config) {
  ModelDescription model = llama_like(config);
  for (LayerDescription& layer : model.layers) layer.attention.qk_norm = QkNorm::head;
  apply_window(config, model);
  return model;
}

// Qwen3 MoE: every decoder_sparse_step-th layer is a mixture of experts, except those in mlp_only_layers.
ModelDescription describe_qwen3_moe(const Config& config) {
  ModelDescription model = describe_qwen3(config);
  MoeDescription moe;
  moe.num_experts = config.integer(config.has("num_experts") ? "num_experts" : "num_local_experts");
  moe.top_k = config.integer("num_experts_per_tok");
  moe.expert_hidden = config.integer("moe_intermediate_size");
  moe.normalize_top_k = config.flag("norm_topk_prob", false);
  const auto step = static_cast<size_t>(config.integer("decoder_sparse_step", 1));
  for (size_t i = 0; i < model.layers.size(); ++i) {
    if ((i + 1) % step == 0) model.layers[i].moe = moe;
  }
  if (config.has("mlp_only_layers")) {
    for (const int layer : config.integers("mlp_only_layers")) {
      if (static_cast<size_t>(layer) < model.layers.size()) model.layers[static_cast<size_t>(layer)].moe.reset();
    }
  }
  return model;
}

}  // namespace mica::lm
