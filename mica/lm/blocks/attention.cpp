#include "mica/lm/blocks/attention.h"

#include "mica/ops/fast.h"
#include "mica/ops/shape.h"

namespace mica::lm {

AttentionBlock::AttentionBlock(Weights& weights, const std::string& module, const ModelDescription& model,
                               const AttentionDescription& attention, Activation activation)
    : attention_(attention) {
  const int64_t hidden = model.hidden_size;
  const int64_t q_size = int64_t{attention.num_heads} * attention.head_dim;
  const int64_t kv_size = int64_t{attention.num_kv_heads} * attention.head_dim;
  if (attention.rope) traditional_rope_ = model.ropes[*attention.rope].traditional();
  if (attention.fused_qkv) {
    qkv_.emplace(weights, module + ".qkv_proj", q_size + 2 * kv_size, hidden, attention.qkv_bias, activation);
  } else {
    q_.emplace(weights, module + ".q_proj", q_size, hidden, attention.qkv_bias, activation);
    k_.emplace(weights, module + ".k_proj", kv_size, hidden, attention.qkv_bias, activation);
    v_.emplace(weights, module + ".v_proj", kv_size, hidden, attention.qkv_bias, activation);
  }
  output_.emplace(weights, module + ".o_proj", hidden, q_size, attention.output_bias, activation);
  if (attention.qk_norm == QkNorm::none) return;
  const bool per_head = attention.qk_norm == QkNorm::head;
  q_norm_.emplace(weights, module + ".q_norm", per_head ? attention.head_dim : q_size, model);
  k_norm_.emplace(weights, module + ".k_norm", per_head ? attention.head_dim : kv_size, model);
}

AttentionBlock::Projected AttentionBlock::project(const array& x) const {
  if (!qkv_) {
    const auto parts = LinearBlock::together(x, {&*q_, &*k_, &*v_});
    return {parts[0], parts[1], parts[2]};
  }
  const ShapeElem q_end = ShapeElem{attention_.num_heads} * attention_.head_dim;
  const ShapeElem k_end = q_end + ShapeElem{attention_.num_kv_heads} * attention_.head_dim;
  const auto parts = split((*qkv_)(x), Shape{q_end, k_end}, -1);
  return {parts[0], parts[1], parts[2]};
}

array AttentionBlock::heads(const array& x, int count, const std::optional<NormBlock>& norm) const {
  const bool whole = norm && attention_.qk_norm == QkNorm::projection;
  array split_heads = reshape(whole ? (*norm)(x) : x, {x.shape(0), x.shape(1), count, attention_.head_dim});
  if (norm && !whole) split_heads = (*norm)(split_heads);
  return transpose(split_heads, {0, 2, 1, 3});
}

array AttentionBlock::operator()(const array& x, const StepContext& context, size_t window, array& keys,
                                 array& values) const {
  const Projected projected = project(x);
  array q = heads(projected.q, attention_.num_heads, q_norm_);
  array k = heads(projected.k, attention_.num_kv_heads, k_norm_);
  const array v = heads(projected.v, attention_.num_kv_heads, std::nullopt);
  if (attention_.rope) {
    const auto& [cosine, sine] = context.ropes[*attention_.rope];
    q = rotate(q, cosine, sine, traditional_rope_);
    k = rotate(k, cosine, sine, traditional_rope_);
  }
  const array& places = context.places[window];
  keys = put_rows(keys, k, places);
  values = put_rows(values, v, places);
  AttentionOptions options;
  options.scale = attention_.scale;
  options.causal = true;
  options.window = attention_.window;
  options.softcap = attention_.softcap;
  const array mixed = attend(q, keys, values, options, std::nullopt, std::nullopt, places);
  return (*output_)(flatten(transpose(mixed, {0, 2, 1, 3}), 2, 3));
}

}  // namespace mica::lm
