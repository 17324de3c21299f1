#pragma once

#include <functional>
#include <optional>

#include "mica/nn/activations.h"
#include "mica/nn/dropout.h"
#include "mica/nn/linear.h"
#include "mica/nn/member.h"
#include "mica/nn/normalization.h"

namespace mica::nn {

/// Sizes of MultiHeadAttention's projections beside `dims`.
struct AttentionDims {
  /// Features of the inputs, `dims` (value: the keys') unless given.
  std::optional<int> query_input_dims = std::nullopt;
  std::optional<int> key_input_dims = std::nullopt;
  std::optional<int> value_input_dims = std::nullopt;
  /// Features of the values, of all heads together, and of the output; `dims` unless given.
  std::optional<int> value_dims = std::nullopt;
  std::optional<int> value_output_dims = std::nullopt;
  bool bias = false;
};

/// Scaled dot product attention of `num_heads` heads between linear layers query_proj, key_proj, value_proj and
/// out_proj (https://arxiv.org/abs/1706.03762). Heads that do not divide dims throw std::invalid_argument.
struct MultiHeadAttention : Module {
  MultiHeadAttention(int dims, int num_heads, const AttentionDims& options = {});
  /// queries [B, L, …], keys and values [B, T, …] → [B, L, value_output_dims]. The mask is broadcast to [B, H, L, T]:
  /// bool, true for what is seen, or added to the scores.
  array operator()(const array& queries, const array& keys, const array& values,
                   const std::optional<array>& mask = std::nullopt) const;
  /// [n, n]: 0 on and below the diagonal, the dtype's lowest value above it.
  static array create_additive_causal_mask(int n, Dtype dtype = float32);

  int num_heads;
  Child<Linear> query_proj;
  Child<Linear> key_proj;
  Child<Linear> value_proj;
  Child<Linear> out_proj;
};

/// Options of Transformer.
struct TransformerOptions {
  /// 4 · dims unless given.
  std::optional<int> mlp_dims = std::nullopt;
  double dropout = 0.0;
  std::function<array(const array&)> activation = relu;
  /// Normalize before each part rather than after it.
  bool norm_first = true;
  /// Compute the layers anew in the backward pass instead of keeping what they computed.
  bool checkpoint = false;
};

/// Self-attention and a two-layer perceptron with residual connections: x [B, L, dims] → the same shape.
struct TransformerEncoderLayer : Module {
  TransformerEncoderLayer(int dims, int num_heads, const TransformerOptions& options = {});
  array operator()(const array& x, const std::optional<array>& mask = std::nullopt) const;

  std::function<array(const array&)> activation;
  bool norm_first;
  Child<MultiHeadAttention> attention;
  Child<LayerNorm> ln1;
  Child<LayerNorm> ln2;
  Child<Linear> linear1;
  Child<Linear> linear2;
  Child<Dropout> dropout1;
  Child<Dropout> dropout2;
};

/// Encoder layers and a last layer norm.
struct TransformerEncoder : Module {
  TransformerEncoder(int num_layers, int dims, int num_heads, const TransformerOptions& options = {});
  array operator()(const array& x, const std::optional<array>& mask = std::nullopt) const;

  bool checkpoint;
  ChildList<TransformerEncoderLayer> layers;
  Child<LayerNorm> ln;
};

/// Self-attention, attention to `memory` (the encoder's output) and a two-layer perceptron.
struct TransformerDecoderLayer : Module {
  TransformerDecoderLayer(int dims, int num_heads, const TransformerOptions& options = {});
  array operator()(const array& x, const array& memory, const std::optional<array>& x_mask = std::nullopt,
                   const std::optional<array>& memory_mask = std::nullopt) const;

  std::function<array(const array&)> activation;
  bool norm_first;
  Child<MultiHeadAttention> self_attention;
  Child<MultiHeadAttention> cross_attention;
  Child<LayerNorm> ln1;
  Child<LayerNorm> ln2;
  Child<LayerNorm> ln3;
  Child<Linear> linear1;
  Child<Linear> linear2;
  Child<Dropout> dropout1;
  Child<Dropout> dropout2;
  Child<Dropout> dropout3;
};

/// Decoder layers and a last layer norm.
struct TransformerDecoder : Module {
  TransformerDecoder(int num_layers, int dims, int num_heads, const TransformerOptions& options = {});
  array operator()(const array& x, const array& memory, const std::optional<array>& x_mask = std::nullopt,
                   const std::optional<array>& memory_mask = std::nullopt) const;

  bool checkpoint;
  ChildList<TransformerDecoderLayer> layers;
  Child<LayerNorm> ln;
};

/// Encoder and decoder: src [B, S, dims], tgt [B, T, dims] → [B, T, dims].
struct Transformer : Module {
  explicit Transformer(int dims = 512, int num_heads = 8, int num_encoder_layers = 6, int num_decoder_layers = 6,
                       const TransformerOptions& options = {});
  /// Of a given encoder and decoder.
  Transformer(TransformerEncoder custom_encoder, TransformerDecoder custom_decoder);
  array operator()(const array& src, const array& tgt, const std::optional<array>& src_mask = std::nullopt,
                   const std::optional<array>& tgt_mask = std::nullopt,
                   const std::optional<array>& memory_mask = std::nullopt) const;

  Child<TransformerEncoder> encoder;
  Child<TransformerDecoder> decoder;
};

}  // namespace mica::nn
