#include "mica/lm/models/family.h"

namespace mica::lm {

// Granite 3: a Llama decoder with multipliers on the embedding, the scores, the blocks' outputs and the logits.
ModelDescription describe_granite(const Config& config) {
  ModelDescription model = llama_like(config);
  model.embedding_multiplier = static_cast<float>(config.number("embedding_multiplier", 1.0));
  model.residual_multiplier = static_cast<float>(config.number("residual_multiplier", 1.0));
  const double scaling = config.number("logits_scaling", 1.0);
  if (scaling == 0) config.wrong("logits_scaling", "a number other than 0");
  model.logits_multiplier = static_cast<float>(1.0 / scaling);
  for (LayerDescription& layer : model.layers) {
    layer.attention.scale = static_cast<float>(config.number("attention_multiplier", 1.0));
  }
  return model;
}

}  // namespace mica::lm
