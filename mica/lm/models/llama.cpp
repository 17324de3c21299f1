#include "mica/lm/models/family.h"

namespace mica::lm {

// Llama 1 to 3, SmolLM 1 and 2, and the many models that share their form.
ModelDescription describe_llama(const Config& config) {
  return llama_like(config);
}

// Mistral: every layer attends to a window, if there is one.
ModelDescription describe_mistral(const Config& config) {
  ModelDescription model = llama_like(config);
  const int window = config.integer("sliding_window", 0);
  if (config.has("layer_types")) return model;
  for (LayerDescription& layer : model.layers) layer.attention.window = window;
  return model;
}

}  // namespace mica::lm
