#include "mica/lm/models/family.h"

namespace mica::lm {

// OLMo 2: norms on the blocks' outputs only; queries and keys are normalized over the whole projection.
ModelDescription describe_olmo2(const Config& config) {
  ModelDescription model = llama_like(config);
  model.placement = NormPlacement::after;
  for (LayerDescription& layer : model.layers) layer.attention.qk_norm = QkNorm::projection;
  return model;
}

}  // namespace mica::lm
