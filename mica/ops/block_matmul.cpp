#include "mica/ops/block_matmul.h"

#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

Dtype product_dtype(const array& a, const array& b, std::string_view op) {
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  if (!issubdtype(dtype, floating)) {
    fail_as<std::invalid_argument>("[{}] needs real floating point numbers, not {}", op, dtype_name(dtype));
  }
  return dtype;
}

array matrices(const array& a, Dtype dtype, StreamOrDevice s) {
  return reshape(astype(a, dtype, s), {-1, a.shape(-2), a.shape(-1)}, s);
}

/// The flat batch indices of an operand in order.
array all_indices(const array& a, StreamOrDevice s) {
  Shape batch(a.shape().begin(), a.shape().end() - 2);
  double count = 1;
  for (const ShapeElem length : batch) count *= static_cast<double>(length);
  return reshape(arange(0, count, int64, s), batch, s);
}

array checked_indices(array indices, std::string_view op, StreamOrDevice s) {
  if (!issubdtype(indices.dtype(), integer)) {
    fail_as<std::invalid_argument>("[{}] indices must be integers, not {}", op, dtype_name(indices.dtype()));
  }
  return astype(std::move(indices), int64, s);
}

/// A mask of blocks applied to a matrix.
array masked(const array& matrix, const array& mask, int block_size, std::string_view which, StreamOrDevice s) {
  const auto blocks = [&](int axis) { return (matrix.shape(axis) + block_size - 1) / block_size; };
  if (mask.ndim() < 2 || mask.shape(-2) != blocks(-2) || mask.shape(-1) != blocks(-1)) {
    fail_as<std::invalid_argument>("[block_masked_mm] {} of shape {} does not cover a matrix of {} in blocks of {}",
                                   which, to_string(mask.shape()), to_string(matrix.shape()), block_size);
  }
  array spread = repeat(repeat(mask, block_size, -2, s), block_size, -1, s);
  Shape stop = spread.shape();
  stop[stop.size() - 2] = matrix.shape(-2);
  stop.back() = matrix.shape(-1);
  spread = slice(spread, Shape(stop.size(), 0), stop, s);
  if (mask.dtype() == bool_) return where(spread, matrix, array(0, matrix.dtype()), s);
  return multiply(matrix, astype(spread, matrix.dtype(), s), s);
}

}  // namespace

array gather_mm(array a, array b, std::optional<array> lhs_indices, std::optional<array> rhs_indices, bool,
                StreamOrDevice s) {
  if (a.ndim() == 0 || b.ndim() == 0) fail_as<std::invalid_argument>("[gather_mm] scalars have no matrix product");
  if (!lhs_indices && !rhs_indices) return matmul(a, b, s);
  const Dtype dtype = product_dtype(a, b, "gather_mm");
  const bool row = a.ndim() == 1;
  const bool column = b.ndim() == 1;
  if (row) a = expand_dims(a, 0, s);
  if (column) b = expand_dims(b, 1, s);
  const array left = lhs_indices ? checked_indices(*lhs_indices, "gather_mm", s) : all_indices(a, s);
  const array right = rhs_indices ? checked_indices(*rhs_indices, "gather_mm", s) : all_indices(b, s);
  const auto indices = broadcast_arrays({left, right}, s);
  array out = apply<GatherMatmul>({matrices(a, dtype, s), matrices(b, dtype, s), indices[0], indices[1]}, to_stream(s));
  if (row) out = squeeze(out, -2, s);
  return column ? squeeze(out, -1, s) : out;
}

array segmented_mm(array a, array b, array segments, StreamOrDevice s) {
  if (a.ndim() != 2 || b.ndim() != 2) {
    fail_as<std::invalid_argument>("[segmented_mm] needs two matrices, not shapes {} and {}", to_string(a.shape()),
                                   to_string(b.shape()));
  }
  const Dtype dtype = product_dtype(a, b, "segmented_mm");
  return apply<SegmentedMatmul>({astype(std::move(a), dtype, s), astype(std::move(b), dtype, s),
                                 checked_indices(std::move(segments), "segmented_mm", s)},
                                to_stream(s));
}

array block_masked_mm(array a, array b, int block_size, std::optional<array> mask_out, std::optional<array> mask_lhs,
                      std::optional<array> mask_rhs, StreamOrDevice s) {
  if (block_size != 32 && block_size != 64) {
    fail_as<std::invalid_argument>("[block_masked_mm] blocks of {}: only 32 and 64 are supported", block_size);
  }
  if (a.ndim() < 2 || b.ndim() < 2) fail_as<std::invalid_argument>("[block_masked_mm] needs matrices");
  const Dtype dtype = product_dtype(a, b, "block_masked_mm");
  a = astype(std::move(a), dtype, s);
  b = astype(std::move(b), dtype, s);
  if (mask_lhs) a = masked(a, *mask_lhs, block_size, "mask_lhs", s);
  if (mask_rhs) b = masked(b, *mask_rhs, block_size, "mask_rhs", s);
  const array out = matmul(a, b, s);
  return mask_out ? masked(out, *mask_out, block_size, "mask_out", s) : out;
}

}  // namespace mica
