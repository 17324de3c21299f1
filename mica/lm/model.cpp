#include "mica/lm/model.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/log.h"
#include "mica/lm/blocks/attention.h"
#include "mica/lm/blocks/basic.h"
#include "mica/lm/blocks/mlp.h"
#include "mica/lm/models/family.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"

namespace mica::lm {

/// One decoder layer: attention and MLP, each with its norms and residual.
struct Model::Layer {
  Layer(Weights& weights, const std::string& path, const ModelDescription& model, const LayerDescription& layer,
        Activation activation)
      : attention(weights, path + ".self_attn", model, layer.attention, activation) {
    if (layer.moe) {
      moe.emplace(weights, path + ".mlp", model, *layer.moe, layer.mlp.activation, activation);
    } else {
      mlp.emplace(weights, path + ".mlp", model, layer.mlp, activation);
    }
    const auto norm = [&](std::optional<NormBlock>& block, const char* name) {
      block.emplace(weights, path + "." + name, model.hidden_size, model);
    };
    const bool before = model.placement != NormPlacement::after;
    const bool after = model.placement != NormPlacement::before;
    if (before) norm(before_attention, "input_layernorm");
    // "post attention" is the MLP's own norm where there are only two of them.
    if (before) norm(before_mlp, after ? "pre_feedforward_layernorm" : "post_attention_layernorm");
    if (after) norm(after_attention, "post_attention_layernorm");
    if (after) norm(after_mlp, "post_feedforward_layernorm");
  }

  array operator()(const array& h, RopeTables ropes, KvCache& cache, float residual_multiplier) const {
    const auto residual = [&](const array& x, const array& branch) {
      return add(x, residual_multiplier == 1.0f ? branch : multiply(branch, array(residual_multiplier)));
    };
    const auto through = [](const std::optional<NormBlock>& norm, const array& x) { return norm ? (*norm)(x) : x; };
    const array mixed = residual(h, through(after_attention, attention(through(before_attention, h), ropes, cache)));
    const array x = through(before_mlp, mixed);
    return residual(mixed, through(after_mlp, moe ? (*moe)(x) : (*mlp)(x)));
  }

  AttentionBlock attention;
  std::optional<MlpBlock> mlp;
  std::optional<MoeBlock> moe;
  std::optional<NormBlock> before_attention, after_attention, before_mlp, after_mlp;
};

struct Model::Parts {
  Parts(Weights& weights, const ModelDescription& model, Activation activation)
      : embedding(weights.matrix("model.embed_tokens", {model.vocab_size, model.hidden_size})),
        norm(weights, "model.norm", model.hidden_size, model),
        head(model.tie_word_embeddings ? embedding : weights.matrix("lm_head", {model.vocab_size, model.hidden_size})) {
    for (size_t i = 0; i < model.layers.size(); ++i) {
      layers.emplace_back(weights, fmt::format("model.layers.{}", i), model, model.layers[i], activation);
    }
  }

  StoredMatrix embedding;
  NormBlock norm;
  StoredMatrix head;
  std::vector<Layer> layers;
};

Model::Model(ModelDescription description, Weights& weights, const LoadOptions& options)
    : description_(std::move(description)),
      options_(options),
      parts_(std::make_unique<Parts>(weights, description_, options.activation)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

PromptCache Model::make_cache() const {
  return PromptCache(description_, options_.activation == Activation::exact ? float32 : float16);
}

array Model::forward(const array& tokens, PromptCache& cache, bool last_only) const {
  const ModelDescription& model = description_;
  const int64_t count = tokens.shape(1);
  std::vector<std::pair<array, array>> ropes;
  for (const Rope& rope : model.ropes) {
    ropes.push_back(rope.tables(cache.offset(), count, cache.offset() + count));
  }
  array h = take_rows(parts_->embedding, tokens);
  if (model.embedding_multiplier != 1.0f) h = multiply(h, array(model.embedding_multiplier));
  for (size_t i = 0; i < parts_->layers.size(); ++i) {
    h = parts_->layers[i](h, ropes, cache.layer(i), model.residual_multiplier);
  }
  if (last_only && count > 1) h = slice(h, {0, count - 1, 0}, {h.shape(0), count, h.shape(2)});
  array logits = linear(parts_->norm(h), parts_->head, std::nullopt, options_.activation);
  if (model.logits_multiplier != 1.0f) logits = multiply(logits, array(model.logits_multiplier));
  if (model.logits_softcap > 0) {
    logits = multiply(tanh(divide(logits, array(model.logits_softcap))), array(model.logits_softcap));
  }
  return logits;
}

LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options) {
  Checkpoint checkpoint = open_checkpoint(path);
  ModelDescription description = describe(checkpoint.config);
  if (!checkpoint.rope_factors.empty()) {
    for (Rope& rope : description.ropes) rope.scale_periods(checkpoint.rope_factors);
  }
  if (description.tie_word_embeddings) checkpoint.weights.drop("lm_head.weight");
  Model model(std::move(description), checkpoint.weights, options);
  const std::vector<std::string> unused = checkpoint.weights.unused();
  if (!unused.empty()) {
    fail("{}: {} parameters are not part of a {} model, the first is {}", checkpoint.config.name(), unused.size(),
         model.description().model_type, unused.front());
  }
  return {std::move(model), {checkpoint.format, checkpoint.bytes, checkpoint.parameters}};
}

LoadedModel make_random_model(const std::filesystem::path& path, int bits, int group_size, const LoadOptions& options) {
  const Config config(load_json(path), path.string());
  ModelDescription description = describe(config);
  Weights weights(config);
  weights.make_up_missing(bits, group_size);
  Model model(std::move(description), weights, options);
  return {std::move(model), {"random", 0, 0}};
}

}  // namespace mica::lm
