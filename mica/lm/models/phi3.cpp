#include "mica/lm/models/family.h"

namespace mica::lm {

// Phi-3 and 3.5: q, k, v in one matrix, gate and up in another, a window for all layers, longrope for long contexts.
ModelDescription describe_phi3(const Config& config) {
  ModelDescription model = llama_like(config);
  const int window = config.integer("sliding_window", 0);
  for (LayerDescription& layer : model.layers) {
    if (!config.has("layer_types")) layer.attention.window = window;
    layer.attention.fused_qkv = true;
    layer.mlp.fused_gate_up = true;
    layer.attention.qkv_bias = layer.attention.output_bias = false;
  }
  return model;
}

}  // namespace mica::lm
