#pragma once

#include <optional>
#include <span>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"
#include "mica/ops/composite.h"
#include "mica/ops/elementwise_ops.h"
#include "mica/ops/quant_format.h"

namespace mica {

/// A weight matrix [rows, cols], or a stack of them [experts, rows, cols], as a file stores it: dense floats, MLX's
/// codes with scales and biases, or ggml's blocks. Products and look-ups read it in this form; backends repack it for
/// themselves on first use.
struct StoredMatrix {
  QuantFormat format;
  /// Dense: the matrix itself. MLX: uint32 [..., rows, words]. ggml: uint8 [..., rows, bytes].
  array codes;
  /// MLX formats only; biases for affine only.
  std::optional<array> scales;
  std::optional<array> biases;
  /// Logical shape: [rows, cols] or [experts, rows, cols].
  Shape shape;

  int64_t rows() const { return shape[shape.size() - 2]; }
  int64_t cols() const { return shape.back(); }
};

/// A dense matrix of float32, float16 or bfloat16; throws std::invalid_argument for another dtype.
StoredMatrix stored_dense(array matrix);

/// MLX's quantized form: mode affine, mxfp4, mxfp8 or nvfp4. Checks dtypes and shapes against each other; throws
/// std::invalid_argument.
StoredMatrix stored_quantized(array codes, array scales, std::optional<array> biases, int group_size, int bits,
                              const std::string& mode);

/// ggml blocks of `format`: bytes uint8 [..., rows, row_bytes] of a matrix with `cols` columns.
StoredMatrix stored_ggml(array bytes, QuantFormat format, int64_t cols);

/// x · wᵀ (+ bias): x [..., cols] → [..., rows], in float32 whatever x is. With Activation::int8 the rows of x are
/// rounded to 8 bits where the format has integer codes (quant_format.h); Activation::exact computes with float32
/// activations.
array linear(const array& x, const StoredMatrix& w, const std::optional<array>& bias = std::nullopt,
             Activation activation = Activation::exact, StreamOrDevice s = {});

/// One of several products of the same x.
struct LinearTerm {
  StoredMatrix weight;
  std::optional<array> bias = std::nullopt;
};

/// What a product does on the way, so that no other pass over the data is needed.
struct LinearFusion {
  /// A weight [cols]: x is first normalized, fast::rms_norm(x, norm, eps).
  std::optional<array> norm;
  float eps = 0.0f;
  /// Of two products y₀ and y₁ gate(y₀) · y₁ is the result: the gate is silu, gelu or gelu_tanh.
  std::optional<UnaryOp> gate;
  /// Of the shape of the (one) result: residual + scale · result instead.
  std::optional<array> residual;
  float scale = 1.0f;
};

/// linear for several weights at once (q, k and v; gate and up): one pass over x, one loop over all rows. One result
/// for each weight, or one in all with a gate. Throws std::invalid_argument when shapes do not fit, and for a gate of
/// other than two weights of one shape.
std::vector<array> linears(const array& x, std::span<const LinearTerm> terms, Activation activation = Activation::exact,
                           const LinearFusion& fusion = {}, StreamOrDevice s = {});

/// The number of the row of w whose product with x is largest, int32 [...] for x [..., cols]: the first of
/// argmax(linears(x, {{w}}, activation, fusion)[0], -1), found without all of the products where there are few rows of
/// x (up to 4) and the format has 8 bits. A greedy answer's head. Of the fusion the norm counts only.
array linear_argmax(const array& x, const StoredMatrix& w, Activation activation = Activation::exact,
                    const LinearFusion& fusion = {}, StreamOrDevice s = {});

/// Mixture of experts: x [tokens, 1 or k, cols] and indices [tokens, k] → [tokens, k, rows]; place (t, j) is the
/// product with expert indices[t, j] (+ bias [experts, rows]).
array expert_linear(const array& x, const StoredMatrix& w, const array& indices,
                    const std::optional<array>& bias = std::nullopt, Activation activation = Activation::exact,
                    StreamOrDevice s = {});

/// Rows of the matrix in float32: indices [...] → [..., cols]. An index out of range throws std::out_of_range when it
/// is computed.
array take_rows(const StoredMatrix& w, const array& indices, StreamOrDevice s = {});

/// The whole matrix in float32.
array dequantize(const StoredMatrix& w, StreamOrDevice s = {});

// Primitives. Inputs: the operands, then for each matrix codes, scales and biases as far as the format has them and the
// bias.

/// The dtype of separate scales and biases.
Dtype scale_dtype(ScaleType type);

/// What primitives with a stored matrix have in common: how it is stored, its shape, and what is done with the
/// operand.
struct MatrixPrimitive {
  QuantFormat format;
  Shape weight_shape;
  Activation activation = Activation::exact;
  bool has_bias = false;

  /// The arrays that stand for it among the inputs.
  size_t input_count() const {
    return size_t{1} + (format.scale_type != ScaleType::none) + (format.has_biases ? 1 : 0) + (has_bias ? 1 : 0);
  }

  friend bool operator==(const MatrixPrimitive&, const MatrixPrimitive&) = default;
};

/// LinearFusion without its arrays.
struct LinearOptions {
  bool has_norm = false;
  float eps = 0.0f;
  std::optional<UnaryOp> gate;
  bool has_residual = false;
  float scale = 1.0f;

  friend bool operator==(const LinearOptions&, const LinearOptions&) = default;
};

/// Operands: x float32 [..., cols], then the norm's weight and the residual (float32) as far as they are there. One
/// output for each matrix, or one in all with a gate.
struct Linear final : PrimitiveOf<Linear, Composite> {
  Linear(Stream stream, std::vector<MatrixPrimitive> stored, LinearOptions linear_options)
      : PrimitiveOf(stream), matrices(std::move(stored)), options(linear_options) {}
  std::string_view name() const override { return "linear"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(matrices, options); }
  size_t operand_count() const { return size_t{1} + (options.has_norm ? 1 : 0) + (options.has_residual ? 1 : 0); }
  std::vector<MatrixPrimitive> matrices;
  LinearOptions options;
};

/// Operands: x float32 [..., cols] and the norm's weight (float32) if it is there. A matrix without a bias.
struct LinearArgmax final : PrimitiveOf<LinearArgmax, Composite> {
  LinearArgmax(Stream stream, MatrixPrimitive stored, bool normalizes, float norm_eps)
      : PrimitiveOf(stream), matrix(std::move(stored)), has_norm(normalizes), eps(norm_eps) {}
  std::string_view name() const override { return "linear_argmax"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  auto fields() const { return std::tie(matrix, has_norm, eps); }
  size_t operand_count() const { return size_t{1} + (has_norm ? 1 : 0); }
  MatrixPrimitive matrix;
  bool has_norm;
  float eps;
};

/// Operands: x float32 [tokens, 1 or k, cols], indices int32 [tokens, k].
struct ExpertLinear final : PrimitiveOf<ExpertLinear, Composite> {
  ExpertLinear(Stream stream, MatrixPrimitive stored) : PrimitiveOf(stream), matrix(std::move(stored)) {}
  std::string_view name() const override { return "expert_linear"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  auto fields() const { return std::tie(matrix); }
  MatrixPrimitive matrix;
};

/// Operand: indices int64.
struct TakeRows final : PrimitiveOf<TakeRows, Composite> {
  TakeRows(Stream stream, MatrixPrimitive stored) : PrimitiveOf(stream), matrix(std::move(stored)) {}
  std::string_view name() const override { return "take_rows"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(matrix); }
  MatrixPrimitive matrix;
};

/// No operand.
struct Dequantize final : PrimitiveOf<Dequantize> {
  Dequantize(Stream stream, MatrixPrimitive stored) : PrimitiveOf(stream), matrix(std::move(stored)) {}
  std::string_view name() const override { return "dequantize"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(matrix); }
  MatrixPrimitive matrix;
};

}  // namespace mica
