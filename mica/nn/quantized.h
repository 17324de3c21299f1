#pragma once

#include <string>

#include "mica/nn/embedding.h"
#include "mica/nn/linear.h"
#include "mica/nn/member.h"

namespace mica::nn {

/// A Linear layer whose weight is quantized. Parameters (frozen at first): weight (uint32, packed codes), scales,
/// biases (affine mode only) and bias.
struct QuantizedLinear : UnaryModule {
  QuantizedLinear(int input_dims, int output_dims, bool bias = true, const QuantizeOptions& options = {});
  /// The layer with its weight quantized. Throws std::invalid_argument when the group size does not divide its rows.
  static QuantizedLinear from_linear(const Linear& layer, const QuantizeOptions& options = {});
  array operator()(const array& x) const override;

  int group_size;
  int bits;
  std::string mode;
  Parameter weight;
  Parameter scales;
  Parameter biases;
  Parameter bias;

 protected:
  Keys never_trained() const override { return {"weight"}; }
  /// x · weightᵀ
  array product(const array& x) const;

 private:
  QuantizedLinear(const array& dense_weight, const std::optional<array>& dense_bias, const QuantizeOptions& options);
};

/// An Embedding whose table is quantized. Parameters (frozen at first, weight always): weight (uint32), scales and, in
/// affine mode, biases.
struct QuantizedEmbedding : EmbeddingTable {
  QuantizedEmbedding(int num_embeddings, int dims, const QuantizeOptions& options = {});
  static QuantizedEmbedding from_embedding(const Embedding& layer, const QuantizeOptions& options = {});
  array operator()(const array& x) const override;
  array as_linear(const array& x) const override;

  int group_size;
  int bits;
  std::string mode;
  Parameter weight;
  Parameter scales;
  Parameter biases;

 protected:
  Keys never_trained() const override { return {"weight"}; }

 private:
  QuantizedEmbedding(const array& table, const QuantizeOptions& options);
};

/// A Linear layer without bias that quantizes both weight and input for the product (modes nvfp4 and mxfp8). In
/// training its weight is dense; eval() quantizes it (parameters weight and scales), train() makes it dense again.
struct QQLinear : UnaryModule {
  QQLinear(int input_dims, int output_dims, const QuantizeOptions& options = {.mode = "nvfp4"});
  /// Throws std::invalid_argument for a layer with bias.
  static QQLinear from_linear(const Linear& layer, const QuantizeOptions& options = {.mode = "nvfp4"});
  array operator()(const array& x) const override;

  int group_size;
  int bits;
  std::string mode;
  Parameter weight;
  Parameter scales;

 protected:
  void set_training_mode(bool training_mode) override;

 private:
  QQLinear(const array& dense_weight, const QuantizeOptions& options);
};

}  // namespace mica::nn
