#include "mica/lm/blocks/attention.h"

#include <tuple>

#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"

namespace mica::lm {
namespace {

int64_t q_size(const AttentionDescription& attention) {
  return int64_t{attention.num_heads} * attention.head_dim;
}
int64_t kv_size(const AttentionDescription& attention) {
  return int64_t{attention.num_kv_heads} * attention.head_dim;
}

std::vector<LinearBlock> input_projections(Weights& weights, const std::string& module, int64_t hidden,
                                           const AttentionDescription& attention, Activation activation) {
  std::vector<LinearBlock> out;
  const auto add = [&](const char* name, int64_t size) {
    out.emplace_back(weights, module + name, size, hidden, attention.qkv_bias, activation);
  };
  if (attention.fused_qkv) {
    add(".qkv_proj", q_size(attention) + 2 * kv_size(attention));
  } else {
    add(".q_proj", q_size(attention));
    add(".k_proj", kv_size(attention));
    add(".v_proj", kv_size(attention));
  }
  return out;
}

}  // namespace

array take_token(const array& x, const array& tokens) {
  return take_along_axis(x, expand_dims(tokens, {1, 2}), 1);
}

AttentionBlock::AttentionBlock(Weights& weights, const std::string& module, const ModelDescription& model,
                               const AttentionDescription& attention, Activation activation)
    : attention_(attention),
      inputs_(input_projections(weights, module, model.hidden_size, attention, activation)),
      output_(weights, module + ".o_proj", model.hidden_size, q_size(attention), attention.output_bias, activation) {
  if (attention.rope) traditional_rope_ = model.ropes[*attention.rope].traditional();
  if (attention.qk_norm == QkNorm::none) return;
  const bool per_head = attention.qk_norm == QkNorm::head;
  q_norm_.emplace(weights, module + ".q_norm", per_head ? attention.head_dim : q_size(attention), model);
  k_norm_.emplace(weights, module + ".k_norm", per_head ? attention.head_dim : kv_size(attention), model);
}

AttentionBlock::Projected AttentionBlock::project(const array& x, const LinearFusion& before,
                                                  const array* only_token) const {
  if (!attention_.fused_qkv && only_token) {
    const std::span<const LinearBlock> blocks = inputs_;
    const auto parts = LinearBlock::together(x, blocks.subspan(1), before);
    return {blocks[0](take_token(x, *only_token), before), parts[0], parts[1]};
  }
  if (!attention_.fused_qkv) {
    const auto parts = LinearBlock::together(x, inputs_, before);
    return {parts[0], parts[1], parts[2]};
  }
  const ShapeElem q_end = ShapeElem{attention_.num_heads} * attention_.head_dim;
  const ShapeElem k_end = q_end + ShapeElem{attention_.num_kv_heads} * attention_.head_dim;
  const auto parts = split(inputs_[0](x, before), Shape{q_end, k_end}, -1);
  return {only_token ? take_token(parts[0], *only_token) : parts[0], parts[1], parts[2]};
}

array AttentionBlock::normalize(const array& x, int heads, const std::optional<NormBlock>& norm) const {
  if (!norm) return x;
  if (attention_.qk_norm == QkNorm::projection) return (*norm)(x);
  return reshape((*norm)(reshape(x, {x.shape(0), x.shape(1), heads, attention_.head_dim})), x.shape());
}

array AttentionBlock::operator()(const array& x, const LinearFusion& before, const LinearFusion& after,
                                 const StepContext& context, size_t window, array& keys, array& values) const {
  const Projected projected = project(x, before, context.only_token);
  CachedAttentionOptions options;
  options.attention.scale = attention_.scale;
  options.attention.causal = true;
  options.attention.window = attention_.window;
  options.attention.softcap = attention_.softcap;
  options.num_heads = attention_.num_heads;
  options.num_kv_heads = attention_.num_kv_heads;
  options.traditional = traditional_rope_;
  if (keys.dtype() == uint8) options.kv = context.kv;
  std::optional<array> cosine;
  std::optional<array> sine;
  if (attention_.rope) std::tie(cosine, sine) = context.ropes[*attention_.rope];
  const array q = normalize(projected.q, attention_.num_heads, q_norm_);
  const array k = normalize(projected.k, attention_.num_kv_heads, k_norm_);
  const array& places = context.places[window];
  std::optional<array> query_places;
  if (context.only_token) query_places = add(places, *context.only_token);
  auto result = attend_cached(q, k, projected.v, std::move(keys), std::move(values), places, cosine, sine, options,
                              std::nullopt, query_places);
  keys = std::move(result.keys);
  values = std::move(result.values);
  return output_(result.mixed, after);
}

}  // namespace mica::lm
