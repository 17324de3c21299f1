#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"
#include "mica/ops/quant_format.h"

namespace mica {

// MLX's quantized matrices. Modes and their default (and only, but for affine) group sizes and bits: affine 64, 4
// (32, 64, 128 and 1, 2, 3, 4, 5, 6, 8); mxfp4 32, 4; mxfp8 32, 8; nvfp4 16, 4. Codes are uint32 [..., N, K · bits /
// 32]; scales and (affine only) biases [..., N, K / group_size], of the weight's type for affine and uint8 for the
// others. `global_scale`, one float32 for nvfp4 only, is the largest magnitude that the scales are laid out for.
// Whatever does not fit throws std::invalid_argument.

/// Codes and scales, and biases for affine, of a float16, bfloat16 or float32 matrix, rounded as MLX's Metal kernels
/// do.
std::vector<array> quantize(const array& w, std::optional<int> group_size = std::nullopt,
                            std::optional<int> bits = std::nullopt, const std::string& mode = "affine",
                            const std::optional<array>& global_scale = std::nullopt, StreamOrDevice s = {});

/// The matrix back, computed in float32 and rounded once to `dtype` (default: the scales' type for affine, else
/// bfloat16).
array dequantize(const array& w, const array& scales, const std::optional<array>& biases = std::nullopt,
                 std::optional<int> group_size = std::nullopt, std::optional<int> bits = std::nullopt,
                 const std::string& mode = "affine", const std::optional<array>& global_scale = std::nullopt,
                 std::optional<Dtype> dtype = std::nullopt, StreamOrDevice s = {});

/// x · wᵀ for w [..., N, K], or x · w with `transpose` false. The type of x, promoted with the scales' for affine.
/// Batch axes are broadcast.
array quantized_matmul(const array& x, const array& w, const array& scales,
                       const std::optional<array>& biases = std::nullopt, bool transpose = true,
                       std::optional<int> group_size = std::nullopt, std::optional<int> bits = std::nullopt,
                       const std::string& mode = "affine", StreamOrDevice s = {});

/// gather_mm with a quantized right operand.
array gather_qmm(const array& x, const array& w, const array& scales, const std::optional<array>& biases = std::nullopt,
                 std::optional<array> lhs_indices = std::nullopt, std::optional<array> rhs_indices = std::nullopt,
                 bool transpose = true, std::optional<int> group_size = std::nullopt,
                 std::optional<int> bits = std::nullopt, const std::string& mode = "affine",
                 const std::optional<array>& global_scale = std::nullopt, bool sorted_indices = false,
                 StreamOrDevice s = {});

/// x · wᵀ where both are quantized: x first, w too when it has no scales yet. Gradients take the rounding for no
/// change.
array qqmm(const array& x, const array& w, const std::optional<array>& w_scales = std::nullopt,
           std::optional<int> group_size = std::nullopt, std::optional<int> bits = std::nullopt,
           const std::string& mode = "nvfp4", const std::optional<array>& global_scale_x = std::nullopt,
           const std::optional<array>& global_scale_w = std::nullopt, StreamOrDevice s = {});

/// gather_mm with x [..., M, K] and wᵀ of w [..., N, K] both quantized.
array gather_qqmm(const array& x, const array& w, const std::optional<array>& scales_w = std::nullopt,
                  const std::optional<array>& lhs_indices = std::nullopt,
                  const std::optional<array>& rhs_indices = std::nullopt, std::optional<int> group_size = std::nullopt,
                  std::optional<int> bits = std::nullopt, const std::string& mode = "nvfp4",
                  const std::optional<array>& global_scale_x = std::nullopt,
                  const std::optional<array>& global_scale_w = std::nullopt, bool sorted_indices = false,
                  StreamOrDevice s = {});

/// 8-bit floats e4m3 (uint8) of the values, to nearest even; beyond ±448 and NaN give ±448.
array to_fp8(array x, StreamOrDevice s = {});
array from_fp8(array x, Dtype dtype, StreamOrDevice s = {});

/// Inputs: w [rows, cols], and the global scale if there is one. Outputs: codes, scales, biases (affine).
struct Quantize final : PrimitiveOf<Quantize> {
  Quantize(Stream stream, QuantFormat target) : PrimitiveOf(stream), format(target) {}
  std::string_view name() const override { return "quantize"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(format); }
  QuantFormat format;
};

/// Float32 values rounded to what the format can hold, group by group along the last axis. Inputs as those of Quantize.
/// The gradient passes unchanged.
struct RoundToFormat final : PrimitiveOf<RoundToFormat> {
  RoundToFormat(Stream stream, QuantFormat target) : PrimitiveOf(stream), format(target) {}
  std::string_view name() const override { return "round_to_format"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(format); }
  QuantFormat format;
};

/// Numbers rounded to 8-bit floats, E4M3, as bytes.
struct ToFp8 final : PrimitiveOf<ToFp8> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "to_fp8"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

/// The numbers that bytes stand for as 8-bit floats, E4M3.
struct FromFp8 final : PrimitiveOf<FromFp8> {
  FromFp8(Stream stream, Dtype target) : PrimitiveOf(stream), dtype(target) {}
  std::string_view name() const override { return "from_fp8"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(dtype); }
  Dtype dtype;
};

}  // namespace mica
