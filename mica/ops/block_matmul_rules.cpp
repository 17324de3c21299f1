// Shapes and gradients of products of parts.
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/block_matmul.h"
#include "mica/ops/check.h"
#include "mica/ops/common.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/rules.h"
#include "mica/ops/search.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica {
namespace {

/// Indices between 0 and count − 1 instead of negative ones, in one axis.
array flat_indices(const array& indices, ShapeElem count, StreamOrDevice s) {
  const array flat = flatten(indices, s);
  return where(less(flat, array(0, int64), s), add(flat, array(count, int64), s), flat, s);
}

/// Products [..., K, N] of a gathered product added up at the matrices of b that they belong to: sorted by index they
/// are segments of one long product.
array rhs_gradient(const std::vector<array>& primals, const array& cotangent, StreamOrDevice s) {
  const array& a = primals[0];
  const array& b = primals[1];
  const array left = flat_indices(primals[2], a.shape(0), s);
  const array right = flat_indices(primals[3], b.shape(0), s);
  const array order = argsort(right, 0, s);
  const array rows = take(a, take(left, order, 0, s), 0, s);
  const array grads = take(reshape(cotangent, {-1, a.shape(1), b.shape(2)}, s), order, 0, s);
  const array sorted = take(right, order, 0, s);
  const array each = arange(0, static_cast<double>(b.shape(0)), int64, s);
  const array bounds = stack({searchsorted(sorted, each, "left", s), searchsorted(sorted, each, "right", s)}, 1, s);
  const array segments = multiply(astype(bounds, int64, s), array(a.shape(1), int64), s);
  return apply<SegmentedMatmul>({transposed(flatten(rows, 0, 1, s), s), flatten(grads, 0, 1, s), segments},
                                to_stream(s));
}

array lhs_gradient(const std::vector<array>& primals, const array& cotangent, StreamOrDevice s) {
  const array& a = primals[0];
  const array& b = primals[1];
  const array grads = reshape(cotangent, {-1, a.shape(1), b.shape(2)}, s);
  const array in_order = arange(0, static_cast<double>(grads.shape(0)), int64, s);
  const array right = flatten(primals[3], s);
  const array parts = apply<GatherMatmul>({grads, transposed(b, s), in_order, right}, to_stream(s));
  return scatter_add(zeros(a.shape(), a.dtype(), s), flatten(primals[2], s), expand_dims(parts, 1, s), 0, s);
}

/// For each element of the inner axis the segments that it is in: [segments, K], 1 or 0.
array membership(const array& segments, ShapeElem inner, Dtype dtype, StreamOrDevice s) {
  const array pairs = reshape(segments, {-1, 2}, s);
  const array places = arange(0, static_cast<double>(inner), int64, s);
  const array from = take(pairs, 0, 1, s);
  const array to = take(pairs, 1, 1, s);
  return astype(
      logical_and(greater_equal(places, expand_dims(from, 1, s), s), less(places, expand_dims(to, 1, s), s), s), dtype,
      s);
}

/// The tangent of a product of the first two inputs; the others are indices.
template <typename P>
array product_tangent(const P& product, const std::vector<array>& primals, const std::vector<array>& tangents,
                      const std::vector<int>& argnums) {
  std::vector<array> terms;
  for (size_t i = 0; i < argnums.size(); ++i) {
    if (argnums[i] > 1) continue;
    std::vector<array> inputs = primals;
    inputs[static_cast<size_t>(argnums[i])] = tangents[i];
    terms.push_back(apply<P>(std::move(inputs), product.stream()));
  }
  if (terms.empty()) return zeros(product.infer(primals)[0].shape, primals[0].dtype(), product.stream());
  return sum_of(terms, product.stream());
}

}  // namespace

std::vector<OutputSpec> GatherMatmul::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 4, name());
  check_category(inputs[0], floating, name());
  check_dtype(inputs[1], inputs[0].dtype(), name());
  check_indices(inputs, 2, name());
  if (inputs[0].ndim() != 3 || inputs[1].ndim() != 3) {
    fail_as<std::invalid_argument>("[gather_mm] shapes {} and {} are no stacks of matrices",
                                   to_string(inputs[0].shape()), to_string(inputs[1].shape()));
  }
  const array& a = inputs[0];
  const array& b = inputs[1];
  if (a.shape(2) != b.shape(1)) {
    fail_as<std::invalid_argument>("[gather_mm] matrices of {} x {} and {} x {} have no product", a.shape(1),
                                   a.shape(2), b.shape(1), b.shape(2));
  }
  Shape shape = inputs[2].shape();
  shape.push_back(a.shape(1));
  shape.push_back(b.shape(2));
  return {{std::move(shape), a.dtype()}};
}

std::vector<array> GatherMatmul::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                     const std::vector<int>& argnums, const std::vector<array>&) const {
  std::vector<array> out;
  for (const int argument : argnums) {
    if (argument == 0) {
      out.push_back(lhs_gradient(primals, cotangents[0], stream()));
    } else if (argument == 1) {
      out.push_back(rhs_gradient(primals, cotangents[0], stream()));
    } else {
      out.push_back(zeros_like(primals[static_cast<size_t>(argument)], stream()));
    }
  }
  return out;
}

std::vector<array> GatherMatmul::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                     const std::vector<int>& argnums) const {
  return {product_tangent(*this, primals, tangents, argnums)};
}

std::pair<std::vector<array>, std::vector<int>> GatherMatmul::vmap(const std::vector<array>& inputs,
                                                                   const std::vector<int>& axes) const {
  ShapeElem batch = 1;
  for (size_t i = 0; i < inputs.size(); ++i) batch = axes[i] < 0 ? batch : inputs[i].shape(axes[i]);
  // A batch of matrices is merged with the matrices there are; its indices go on counting.
  const auto merged = [&](size_t operand) {
    if (axes[operand] < 0) return inputs[operand];
    return flatten(moveaxis(inputs[operand], axes[operand], 0, stream()), 0, 1, stream());
  };
  const auto indices = [&](size_t operand) {
    const size_t which = operand + 2;
    array index =
        axes[which] < 0 ? expand_dims(inputs[which], 0, stream()) : moveaxis(inputs[which], axes[which], 0, stream());
    if (axes[operand] < 0) return index;
    const ShapeElem count = inputs[operand].shape(axes[operand] == 0 ? 1 : 0);
    const array positive =
        where(less(index, array(0, int64), stream()), add(index, array(count, int64), stream()), index, stream());
    Shape column(index.ndim(), 1);
    column[0] = batch;
    const array starts =
        multiply(arange(0, static_cast<double>(batch), int64, stream()), array(count, int64), stream());
    return add(positive, reshape(starts, column, stream()), stream());
  };
  auto both = broadcast_arrays({indices(0), indices(1)}, stream());
  for (array& index : both) {
    Shape shape = index.shape();
    shape[0] = batch;
    index = broadcast_to(index, shape, stream());
  }
  return {{apply<GatherMatmul>({merged(0), merged(1), both[0], both[1]}, stream())}, {0}};
}

std::vector<OutputSpec> SegmentedMatmul::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3, name());
  check_category(inputs[0], floating, name());
  check_dtype(inputs[1], inputs[0].dtype(), name());
  check_dtype(inputs[2], int64, name());
  if (inputs[0].ndim() != 2 || inputs[1].ndim() != 2) {
    fail_as<std::invalid_argument>("[segmented_mm] needs two matrices, not shapes {} and {}",
                                   to_string(inputs[0].shape()), to_string(inputs[1].shape()));
  }
  const array& a = inputs[0];
  const array& b = inputs[1];
  const array& segments = inputs[2];
  if (a.shape(1) != b.shape(0)) {
    fail_as<std::invalid_argument>("[segmented_mm] matrices of shapes {} and {} have no product", to_string(a.shape()),
                                   to_string(b.shape()));
  }
  if (segments.ndim() == 0 || segments.shape(-1) != 2) {
    fail_as<std::invalid_argument>("[segmented_mm] segments of shape {}, not (..., 2)", to_string(segments.shape()));
  }
  Shape shape(segments.shape().begin(), segments.shape().end() - 1);
  shape.push_back(a.shape(0));
  shape.push_back(b.shape(1));
  return {{std::move(shape), a.dtype()}};
}

std::vector<array> SegmentedMatmul::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                        const std::vector<int>& argnums, const std::vector<array>&) const {
  const array& a = primals[0];
  const array& b = primals[1];
  const array grads = reshape(cotangents[0], {-1, a.shape(0), b.shape(1)}, stream());
  const array member = membership(primals[2], a.shape(1), a.dtype(), stream());
  std::vector<array> out;
  for (const int argument : argnums) {
    if (argument == 0) {  // Σ_s (g_s · bᵀ) where k is in s
      const array parts = matmul(grads, transposed(b, stream()), stream());
      out.push_back(sum(multiply(parts, expand_dims(member, 1, stream()), stream()), 0, false, stream()));
    } else if (argument == 1) {
      const array parts = matmul(transposed(a, stream()), grads, stream());
      out.push_back(sum(multiply(parts, expand_dims(member, 2, stream()), stream()), 0, false, stream()));
    } else {
      out.push_back(zeros_like(primals[2], stream()));
    }
  }
  return out;
}

std::vector<array> SegmentedMatmul::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                        const std::vector<int>& argnums) const {
  return {product_tangent(*this, primals, tangents, argnums)};
}

}  // namespace mica
