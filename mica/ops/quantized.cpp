#include "mica/ops/quantized.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/block_matmul.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/linear.h"
#include "mica/ops/matmul.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// A mode with its parameters filled in and checked.
struct Mode {
  std::string name;
  int group_size;
  int bits;

  Mode(const std::string& mode, std::optional<int> group, std::optional<int> width, std::string_view op)
      : name(mode), group_size(group.value_or(usual_group())), bits(width.value_or(name == "mxfp8" ? 8 : 4)) {
    const auto one_of = [](int value, std::initializer_list<int> values) {
      return std::find(values.begin(), values.end(), value) != values.end();
    };
    if (usual_group() == 0) fail_as<std::invalid_argument>("[{}] there is no mode {}", op, mica::quoted(mode));
    const bool right = affine() ? one_of(group_size, {32, 64, 128}) && one_of(bits, {1, 2, 3, 4, 5, 6, 8})
                                : group_size == usual_group() && bits == (name == "mxfp8" ? 8 : 4);
    if (!right) {
      fail_as<std::invalid_argument>("[{}] mode {} has no {} bits with groups of {}", op, name, bits, group_size);
    }
  }

  bool affine() const { return name == "affine"; }

  QuantFormat format(Dtype scales) const {
    if (name == "mxfp4") return mxfp4_format();
    if (name == "mxfp8") return mxfp8_format();
    if (name == "nvfp4") return nvfp4_format();
    return affine_format(bits, group_size,
                         scales == float16    ? ScaleType::f16
                         : scales == bfloat16 ? ScaleType::bf16
                                              : ScaleType::f32);
  }

 private:
  int usual_group() const {
    return name == "affine" ? 64 : name == "mxfp4" || name == "mxfp8" ? 32 : name == "nvfp4" ? 16 : 0;
  }
};

void check_global_scale(const std::optional<array>& scale, const Mode& mode, std::string_view op) {
  if (!scale) return;
  if (mode.name != "nvfp4") fail_as<std::invalid_argument>("[{}] mode {} has no global scale", op, mode.name);
  if (scale->size() != 1 || scale->dtype() != float32) {
    fail_as<std::invalid_argument>("[{}] a global scale is one float32, not {} of shape {}", op,
                                   dtype_name(scale->dtype()), to_string(scale->shape()));
  }
}

void check_weight(const array& w, const Mode& mode, std::string_view op) {
  if (w.dtype() != float32 && w.dtype() != float16 && w.dtype() != bfloat16) {
    fail_as<std::invalid_argument>("[{}] float16, bfloat16 and float32 are quantized, not {}", op,
                                   dtype_name(w.dtype()));
  }
  if (w.ndim() < 2 || w.shape(-1) == 0 || w.shape(-1) % mode.group_size != 0) {
    fail_as<std::invalid_argument>("[{}] shape {} is no matrix with rows of whole groups of {}", op,
                                   to_string(w.shape()), mode.group_size);
  }
}

array as_matrix(const array& a, StreamOrDevice s) {
  return a.ndim() == 2 ? a : flatten(a, 0, -2, s);
}

/// Quantized parts of shape [..., N, x] as one matrix, or with `stack` as a stack of matrices.
StoredMatrix stored(const array& w, const array& scales, const std::optional<array>& biases, const Mode& mode,
                    bool stack, StreamOrDevice s) {
  const auto arranged = [&](const array& a) {
    if (!stack) return as_matrix(a, s);
    return a.ndim() == 2 ? expand_dims(a, 0, s) : a.ndim() == 3 ? a : flatten(a, 0, -3, s);
  };
  if (w.ndim() < 2 || scales.ndim() != w.ndim() || (biases && biases->ndim() != w.ndim())) {
    fail_as<std::invalid_argument>("[quantized] codes of shape {} and scales of shape {} do not belong together",
                                   to_string(w.shape()), to_string(scales.shape()));
  }
  std::optional<array> offsets;
  if (biases) offsets = arranged(*biases);
  return stored_quantized(arranged(w), arranged(scales), offsets, mode.group_size, mode.bits, mode.name);
}

/// What nvfp4's scales were multiplied by because of the global one, undone.
array without_global_scale(const array& values, const std::optional<array>& global_scale, StreamOrDevice s) {
  if (!global_scale) return values;
  return multiply(values, divide(reshape(*global_scale, {}, s), array(448.0f * 6.0f), s), s);
}

array round_to(const array& x, const Mode& mode, const std::optional<array>& global_scale, StreamOrDevice s) {
  check_weight(x.ndim() == 1 ? expand_dims(x, 0, s) : x, mode, "qqmm");
  check_global_scale(global_scale, mode, "qqmm");
  std::vector<array> inputs = {astype(x, float32, s)};
  if (global_scale) inputs.push_back(*global_scale);
  return apply<RoundToFormat>(std::move(inputs), to_stream(s), mode.format(x.dtype()));
}

Dtype product_dtype(const array& x, const array& scales, const Mode& mode, std::string_view op) {
  if (!issubdtype(x.dtype(), floating)) {
    fail_as<std::invalid_argument>("[{}] x must be real floating point, not {}", op, dtype_name(x.dtype()));
  }
  return mode.affine() ? promote_types(x.dtype(), scales.dtype()) : x.dtype();
}

array batch_indices(const Shape& shape, StreamOrDevice s) {
  const Shape batch(shape.begin(), shape.end() - 2);
  double count = 1;
  for (const ShapeElem length : batch) count *= static_cast<double>(length);
  return reshape(arange(0, count, int64, s), batch, s);
}

}  // namespace

std::vector<array> quantize(const array& w, std::optional<int> group_size, std::optional<int> bits,
                            const std::string& mode, const std::optional<array>& global_scale, StreamOrDevice s) {
  const Mode how(mode, group_size, bits, "quantize");
  check_weight(w, how, "quantize");
  check_global_scale(global_scale, how, "quantize");
  std::vector<array> inputs = {as_matrix(w, s)};
  if (global_scale) inputs.push_back(*global_scale);
  std::vector<array> out = make_arrays(std::make_shared<Quantize>(to_stream(s), how.format(w.dtype())), inputs);
  for (array& part : out) {
    Shape shape = w.shape();
    shape.back() = part.shape(-1);
    part = reshape(part, shape, s);
  }
  return out;
}

array dequantize(const array& w, const array& scales, const std::optional<array>& biases, std::optional<int> group_size,
                 std::optional<int> bits, const std::string& mode, const std::optional<array>& global_scale,
                 std::optional<Dtype> dtype, StreamOrDevice s) {
  const Mode how(mode, group_size, bits, "dequantize");
  check_global_scale(global_scale, how, "dequantize");
  const Dtype type = dtype.value_or(how.affine() ? scales.dtype() : bfloat16);
  if (!issubdtype(type, floating)) fail_as<std::invalid_argument>("[dequantize] to {}", dtype_name(type));
  const StoredMatrix matrix = stored(w, scales, biases, how, false, s);
  const array values = without_global_scale(dequantize(matrix, s), global_scale, s);
  Shape shape = w.shape();
  shape.back() = matrix.cols();
  return astype(reshape(values, shape, s), type, s);
}

array quantized_matmul(const array& x, const array& w, const array& scales, const std::optional<array>& biases,
                       bool transpose, std::optional<int> group_size, std::optional<int> bits, const std::string& mode,
                       StreamOrDevice s) {
  const Mode how(mode, group_size, bits, "quantized_matmul");
  const Dtype dtype = product_dtype(x, scales, how, "quantized_matmul");
  if (w.ndim() > 2) {
    const array rows = x.ndim() < 2 ? expand_dims(x, 0, s) : x;
    const auto indices = broadcast_arrays({batch_indices(rows.shape(), s), batch_indices(w.shape(), s)}, s);
    return gather_qmm(rows, w, scales, biases, indices[0], indices[1], transpose, group_size, bits, mode, std::nullopt,
                      false, s);
  }
  const StoredMatrix matrix = stored(w, scales, biases, how, false, s);
  const array out = transpose ? linear(x, matrix, std::nullopt, Activation::exact, s)
                              : matmul(astype(x, float32, s), dequantize(matrix, s), s);
  return astype(out, dtype, s);
}

array gather_qmm(const array& x, const array& w, const array& scales, const std::optional<array>& biases,
                 std::optional<array> lhs_indices, std::optional<array> rhs_indices, bool transpose,
                 std::optional<int> group_size, std::optional<int> bits, const std::string& mode,
                 const std::optional<array>& global_scale, bool, StreamOrDevice s) {
  const Mode how(mode, group_size, bits, "gather_qmm");
  check_global_scale(global_scale, how, "gather_qmm");
  const Dtype dtype = product_dtype(x, scales, how, "gather_qmm");
  if (!lhs_indices && !rhs_indices) {
    const array out = quantized_matmul(x, w, scales, biases, transpose, group_size, bits, mode, s);
    return astype(without_global_scale(out, global_scale, s), dtype, s);
  }
  if (x.ndim() < 2) fail_as<std::invalid_argument>("[gather_qmm] x of shape {} is no matrix", to_string(x.shape()));
  const StoredMatrix matrix = stored(w, scales, biases, how, true, s);
  const array left = lhs_indices ? *lhs_indices : batch_indices(x.shape(), s);
  const array right = rhs_indices ? *rhs_indices : batch_indices(w.shape(), s);
  const array wide = astype(x, float32, s);
  array out = wide;
  if (transpose) {
    // Every row of every product with its own expert.
    const auto both = broadcast_arrays({left, right}, s);
    const array chosen = take(reshape(wide, {-1, x.shape(-2), x.shape(-1)}, s), both[0], 0, s);
    const array rows = reshape(chosen, {-1, 1, x.shape(-1)}, s);
    const array flat = astype(flatten(both[1], s), int64, s);
    const array wrapped = where(less(flat, array(0, int64), s), add(flat, array(matrix.shape[0], int64), s), flat, s);
    const array experts = reshape(repeat(wrapped, static_cast<int>(x.shape(-2)), 0, s), {-1, 1}, s);
    Shape shape = both[0].shape();
    shape.push_back(x.shape(-2));
    shape.push_back(matrix.rows());
    out = reshape(expert_linear(rows, matrix, experts, std::nullopt, Activation::exact, s), shape, s);
  } else {
    out = gather_mm(wide, dequantize(matrix, s), left, right, false, s);
  }
  return astype(without_global_scale(out, global_scale, s), dtype, s);
}

array qqmm(const array& x, const array& w, const std::optional<array>& w_scales, std::optional<int> group_size,
           std::optional<int> bits, const std::string& mode, const std::optional<array>& global_scale_x,
           const std::optional<array>& global_scale_w, StreamOrDevice s) {
  const Mode how(mode, group_size, bits, "qqmm");
  if (how.affine()) fail_as<std::invalid_argument>("[qqmm] mode affine is not for both operands");
  check_global_scale(global_scale_w, how, "qqmm");
  const array rounded = round_to(x, how, global_scale_x, s);
  if (!w_scales) {
    const array weights = round_to(w, how, global_scale_w, s);
    return astype(matmul(rounded, swapaxes(weights, -1, -2, s), s), x.dtype(), s);
  }
  const array out = quantized_matmul(rounded, w, *w_scales, std::nullopt, true, group_size, bits, mode, s);
  return astype(without_global_scale(out, global_scale_w, s), x.dtype(), s);
}

array gather_qqmm(const array& x, const array& w, const std::optional<array>& scales_w,
                  const std::optional<array>& lhs_indices, const std::optional<array>& rhs_indices,
                  std::optional<int> group_size, std::optional<int> bits, const std::string& mode,
                  const std::optional<array>& global_scale_x, const std::optional<array>& global_scale_w,
                  bool sorted_indices, StreamOrDevice s) {
  const Mode how(mode, group_size, bits, "gather_qqmm");
  if (how.affine()) fail_as<std::invalid_argument>("[gather_qqmm] mode affine is not for both operands");
  const array rounded = round_to(x, how, global_scale_x, s);
  if (!scales_w) {
    const array weights = swapaxes(round_to(w, how, global_scale_w, s), -1, -2, s);
    return astype(gather_mm(rounded, weights, lhs_indices, rhs_indices, sorted_indices, s), x.dtype(), s);
  }
  return astype(gather_qmm(rounded, w, *scales_w, std::nullopt, lhs_indices, rhs_indices, true, group_size, bits, mode,
                           global_scale_w, sorted_indices, s),
                x.dtype(), s);
}

array to_fp8(array x, StreamOrDevice s) {
  if (!issubdtype(x.dtype(), floating)) {
    fail_as<std::invalid_argument>("[to_fp8] needs real floating point numbers, not {}", dtype_name(x.dtype()));
  }
  return apply<ToFp8>({std::move(x)}, to_stream(s));
}

array from_fp8(array x, Dtype dtype, StreamOrDevice s) {
  if (x.dtype() != uint8) fail_as<std::invalid_argument>("[from_fp8] needs uint8, not {}", dtype_name(x.dtype()));
  if (!issubdtype(dtype, floating)) {
    fail_as<std::invalid_argument>("[from_fp8] to {}: not real floating point", dtype_name(dtype));
  }
  return apply<FromFp8>({std::move(x)}, to_stream(s), dtype);
}

}  // namespace mica
