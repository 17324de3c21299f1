#include <cmath>

#include "mica/lm/models/family.h"

namespace mica::lm {
namespace {

/// Gemma's own name for the activation; the older hidden_act holds "gelu" where the tanh form was trained.
ActivationKind gemma_activation(const Config& config) {
  return activation_kind(config, config.text("hidden_activation", "gelu_pytorch_tanh"));
}

/// What all Gemmas share: norms with an offset of 1, an embedding scaled by √d, a tied head.
ModelDescription gemma_like(const Config& config) {
  ModelDescription model = llama_like(config);
  model.norm = config.flag("norm_offset_included", false) ? NormKind::rms : NormKind::rms_offset;
  model.embedding_multiplier = std::sqrt(static_cast<float>(model.hidden_size));
  model.tie_word_embeddings = config.flag("tie_word_embeddings", true);
  for (LayerDescription& layer : model.layers) layer.mlp.activation = gemma_activation(config);
  return model;
}

/// Norms before and after each block, scores scaled by query_pre_attn_scalar.
ModelDescription gemma2_like(const Config& config) {
  ModelDescription model = gemma_like(config);
  model.placement = NormPlacement::before_and_after;
  model.logits_softcap = static_cast<float>(config.number("final_logit_softcapping", 0));
  for (LayerDescription& layer : model.layers) {
    layer.attention.scale = static_cast<float>(1.0 / std::sqrt(config.number("query_pre_attn_scalar", 256)));
    layer.attention.softcap = static_cast<float>(config.number("attn_logit_softcapping", 0));
  }
  return model;
}

}  // namespace

ModelDescription describe_gemma(const Config& config) {
  ModelDescription model = gemma_like(config);
  if (!config.has("hidden_activation") && config.has("hidden_act")) {
    // transformers reads hidden_act literally for this family.
    for (LayerDescription& layer : model.layers) {
      layer.mlp.activation = activation_kind(config, config.text("hidden_act"));
    }
  }
  return model;
}

// Gemma 2: every other layer, from the first on, attends to a window.
ModelDescription describe_gemma2(const Config& config) {
  ModelDescription model = gemma2_like(config);
  if (config.has("layer_types")) return model;
  for (size_t i = 0; i < model.layers.size(); i += 2) {
    model.layers[i].attention.window = config.integer("sliding_window", 4096);
  }
  return model;
}

// Gemma 3: queries and keys normalized; five layers with a window and RoPE of a small base, then one without and with a
// large base.
ModelDescription describe_gemma3_text(const Config& config) {
  ModelDescription model = gemma2_like(config);
  const int head_dim = model.layers[0].attention.head_dim;
  // rope_scaling, in the older style, is about the layers without a window only.
  const Rope local = config.has("rope_parameters")
                         ? Rope::from_config(config, head_dim, "sliding_attention", 10000.0)
                         : Rope(head_dim, config.number("rope_local_base_freq", 10000.0), false);
  model.ropes = {Rope::from_config(config, head_dim, "full_attention", 1000000.0), local};
  const auto period = static_cast<size_t>(config.integer("sliding_window_pattern", 6));
  const bool listed = config.has("layer_types");
  for (size_t i = 0; i < model.layers.size(); ++i) {
    AttentionDescription& attention = model.layers[i].attention;
    attention.qk_norm = QkNorm::head;
    if (!listed && (i + 1) % period != 0) attention.window = config.integer("sliding_window", 4096);
    attention.rope = attention.window > 0 ? 1 : 0;
  }
  return model;
}

}  // namespace mica::lm
