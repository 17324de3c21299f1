#include "mica/nn/transformer.h"

#include <cmath>
#include <utility>

#include "mica/nn/transforms.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

/// Calls the layer; with `checkpointed`, so that its backward pass computes it anew.
template <typename Layer, typename... Args>
array call(const Layer& layer, bool checkpointed, const Args&... args) {
  return checkpointed ? checkpoint(layer)(args...) : layer(args...);
}

/// The number of heads, if they divide the features.
int checked_heads(int dims, int num_heads) {
  if (num_heads <= 0 || dims % num_heads != 0) {
    fail_as<std::invalid_argument>("[MultiHeadAttention] {} features cannot be divided into {} heads", dims, num_heads);
  }
  return num_heads;
}

double lowest_finite(Dtype dtype) {
  if (dtype == float16) return -65504.0;
  if (dtype == bfloat16) return -3.3895313892515355e38;
  if (dtype == float64) return std::numeric_limits<double>::lowest();
  return std::numeric_limits<float>::lowest();
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(int dims, int heads, const AttentionDims& options)
    : num_heads(checked_heads(dims, heads)),
      query_proj(this, "query_proj", options.query_input_dims.value_or(dims), dims, options.bias),
      key_proj(this, "key_proj", options.key_input_dims.value_or(dims), dims, options.bias),
      value_proj(this, "value_proj", options.value_input_dims.value_or(options.key_input_dims.value_or(dims)),
                 options.value_dims.value_or(dims), options.bias),
      out_proj(this, "out_proj", options.value_dims.value_or(dims), options.value_output_dims.value_or(dims),
               options.bias) {}

array MultiHeadAttention::operator()(const array& queries, const array& keys, const array& values,
                                     const std::optional<array>& mask) const {
  const auto heads_first = [this](const array& x) {
    return transpose(unflatten(x, -1, {num_heads, -1}), {0, 2, 1, 3});
  };
  const array q = heads_first(query_proj(queries));
  const array k = heads_first(key_proj(keys));
  const array v = heads_first(value_proj(values));
  const auto scale = static_cast<float>(std::sqrt(1.0 / static_cast<double>(q.shape(-1))));
  const array output = fast::scaled_dot_product_attention(q, k, v, scale, mask ? "array" : "", mask);
  return out_proj(flatten(transpose(output, {0, 2, 1, 3}), -2, -1));
}

array MultiHeadAttention::create_additive_causal_mask(int n, Dtype dtype) {
  const array indices = arange(n);
  const array hidden = expand_dims(indices, 1) < expand_dims(indices, 0);
  return astype(hidden, dtype) * array(lowest_finite(dtype), dtype);
}

TransformerEncoderLayer::TransformerEncoderLayer(int dims, int num_heads, const TransformerOptions& options)
    : activation(options.activation),
      norm_first(options.norm_first),
      attention(this, "attention", dims, num_heads),
      ln1(this, "ln1", dims),
      ln2(this, "ln2", dims),
      linear1(this, "linear1", dims, options.mlp_dims.value_or(4 * dims)),
      linear2(this, "linear2", options.mlp_dims.value_or(4 * dims), dims),
      dropout1(this, "dropout1", options.dropout),
      dropout2(this, "dropout2", options.dropout) {}

array TransformerEncoderLayer::operator()(const array& x, const std::optional<array>& mask) const {
  const auto mlp = [this](const array& y) { return linear2(dropout2(activation(linear1(y)))); };
  if (norm_first) {
    const array normal = ln1(x);
    const array y = x + dropout1(attention(normal, normal, normal, mask));
    return y + mlp(ln2(y));
  }
  const array y = ln1(x + dropout1(attention(x, x, x, mask)));
  return ln2(y + mlp(y));
}

TransformerEncoder::TransformerEncoder(int num_layers, int dims, int num_heads, const TransformerOptions& options)
    : checkpoint(options.checkpoint), layers(this, "layers"), ln(this, "ln", dims) {
  for (int i = 0; i < num_layers; ++i) layers.emplace_back(dims, num_heads, options);
}

array TransformerEncoder::operator()(const array& x, const std::optional<array>& mask) const {
  array y = x;
  for (const TransformerEncoderLayer& layer : layers) y = call(layer, checkpoint, y, mask);
  return ln(y);
}

TransformerDecoderLayer::TransformerDecoderLayer(int dims, int num_heads, const TransformerOptions& options)
    : activation(options.activation),
      norm_first(options.norm_first),
      self_attention(this, "self_attention", dims, num_heads),
      cross_attention(this, "cross_attention", dims, num_heads),
      ln1(this, "ln1", dims),
      ln2(this, "ln2", dims),
      ln3(this, "ln3", dims),
      linear1(this, "linear1", dims, options.mlp_dims.value_or(4 * dims)),
      linear2(this, "linear2", options.mlp_dims.value_or(4 * dims), dims),
      dropout1(this, "dropout1", options.dropout),
      dropout2(this, "dropout2", options.dropout),
      dropout3(this, "dropout3", options.dropout) {}

array TransformerDecoderLayer::operator()(const array& x, const array& memory, const std::optional<array>& x_mask,
                                          const std::optional<array>& memory_mask) const {
  const auto look_around = [&](const array& y) { return dropout1(self_attention(y, y, y, x_mask)); };
  const auto look_back = [&](const array& y) { return dropout2(cross_attention(y, memory, memory, memory_mask)); };
  const auto mlp = [this](const array& y) { return linear2(dropout3(activation(linear1(y)))); };
  if (norm_first) {
    array y = x + look_around(ln1(x));
    y = y + look_back(ln2(y));
    return y + mlp(ln3(y));
  }
  array y = ln1(x + look_around(x));
  y = ln2(y + look_back(y));
  return ln3(y + mlp(y));
}

TransformerDecoder::TransformerDecoder(int num_layers, int dims, int num_heads, const TransformerOptions& options)
    : checkpoint(options.checkpoint), layers(this, "layers"), ln(this, "ln", dims) {
  for (int i = 0; i < num_layers; ++i) layers.emplace_back(dims, num_heads, options);
}

array TransformerDecoder::operator()(const array& x, const array& memory, const std::optional<array>& x_mask,
                                     const std::optional<array>& memory_mask) const {
  array y = x;
  for (const TransformerDecoderLayer& layer : layers) y = call(layer, checkpoint, y, memory, x_mask, memory_mask);
  return ln(y);
}

Transformer::Transformer(int dims, int num_heads, int num_encoder_layers, int num_decoder_layers,
                         const TransformerOptions& options)
    // Braces, so that the encoder draws its random weights first.
    : Transformer{TransformerEncoder(num_encoder_layers, dims, num_heads, options),
                  TransformerDecoder(num_decoder_layers, dims, num_heads, options)} {}

Transformer::Transformer(TransformerEncoder custom_encoder, TransformerDecoder custom_decoder)
    : encoder(this, "encoder", std::move(custom_encoder)), decoder(this, "decoder", std::move(custom_decoder)) {}

array Transformer::operator()(const array& src, const array& tgt, const std::optional<array>& src_mask,
                              const std::optional<array>& tgt_mask, const std::optional<array>& memory_mask) const {
  return decoder(tgt, encoder(src, src_mask), tgt_mask, memory_mask);
}

}  // namespace mica::nn
