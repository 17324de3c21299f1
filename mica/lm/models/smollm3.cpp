#include "mica/lm/models/family.h"

namespace mica::lm {

// SmolLM3: every fourth layer has no position embedding.
ModelDescription describe_smollm3(const Config& config) {
  ModelDescription model = llama_like(config);
  model.tie_word_embeddings = config.flag("tie_word_embeddings", true);
  std::vector<int> uses_rope;
  if (config.has("no_rope_layers")) uses_rope = config.integers("no_rope_layers");
  const auto interval = static_cast<size_t>(config.integer("no_rope_layer_interval", 4));
  for (size_t i = uses_rope.size(); i < model.layers.size(); ++i) uses_rope.push_back((i + 1) % interval != 0);
  for (size_t i = 0; i < model.layers.size(); ++i) {
    // Despite its name, the list holds 1 for layers that do have RoPE.
    if (uses_rope[i] == 0) model.layers[i].attention.rope.reset();
    if (!config.flag("use_sliding_window", false)) model.layers[i].attention.window = 0;
  }
  return model;
}

}  // namespace mica::lm
