#include "mica/ops/matmul.h"

#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

Shape batch_shape(const array& a) {
  return Shape(a.shape().begin(), a.shape().end() - 2);
}

array broadcast_batch(const array& a, const Shape& batch, StreamOrDevice s) {
  Shape shape = batch;
  shape.push_back(a.shape(-2));
  shape.push_back(a.shape(-1));
  return broadcast_to(a, shape, s);
}

}  // namespace

std::vector<OutputSpec> Matmul::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 2, name());
  check_ndim(inputs[0], 2, name());
  check_category(inputs[0], inexact, name());
  check_dtype(inputs[1], inputs[0].dtype(), name());
  const array& a = inputs[0];
  const array& b = inputs[1];
  check_ndim(b, 2, name());
  if (a.shape(-1) != b.shape(-2)) {
    fail_as<std::invalid_argument>("[matmul] the last axis of {} does not match the second to last of {}",
                                   to_string(a.shape()), to_string(b.shape()));
  }
  if (b.ndim() != a.ndim() || batch_shape(a) != batch_shape(b)) {
    fail_as<std::invalid_argument>("[matmul] batches of {} and {} differ", to_string(a.shape()), to_string(b.shape()));
  }
  Shape shape = a.shape();
  shape.back() = b.shape(-1);
  return {{std::move(shape), a.dtype()}};
}

std::vector<array> Matmul::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                               const std::vector<int>& argnums, const std::vector<array>&) const {
  const auto transposed = [&](const array& m) { return matrix_transpose(conjugate(m, stream()), stream()); };
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    out.push_back(which == 0 ? matmul(cotangents[0], transposed(primals[1]), stream())
                             : matmul(transposed(primals[0]), cotangents[0], stream()));
  }
  return out;
}

std::vector<array> Matmul::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                               const std::vector<int>& argnums) const {
  std::vector<array> terms;
  terms.reserve(argnums.size());
  for (size_t i = 0; i < argnums.size(); ++i) {
    terms.push_back(argnums[i] == 0 ? matmul(tangents[i], primals[1], stream())
                                    : matmul(primals[0], tangents[i], stream()));
  }
  return {sum_of(terms, stream())};
}

std::pair<std::vector<array>, std::vector<int>> Matmul::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  // A matrix without a batch axis is broadcast, or, on the right, multiplied with all rows on the left at once.
  return {{matmul(batch_first(inputs[0], axes[0], stream()), batch_first(inputs[1], axes[1], stream()), stream())},
          {0}};
}

array matmul(const array& a, const array& b, StreamOrDevice s) {
  if (a.ndim() == 0 || b.ndim() == 0) fail_as<std::invalid_argument>("[matmul] scalars have no matrix product");
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  if (!issubdtype(dtype, inexact)) {
    fail_as<std::invalid_argument>("[matmul] needs floating point numbers, not {}", dtype_name(dtype));
  }
  array x = astype(a.ndim() == 1 ? expand_dims(a, 0, s) : a, dtype, s);
  array y = astype(b.ndim() == 1 ? expand_dims(b, 1, s) : b, dtype, s);
  // One matrix on the right: all rows on the left form one product instead of a batch of small ones.
  const bool fold = x.ndim() > 2 && y.ndim() == 2;
  const Shape folded = x.shape();
  if (fold) x = reshape(x, {-1, x.shape(-1)}, s);
  if (fold && folded.back() == 0) x = reshape(x, {x.shape(0), 0}, s);
  const Shape batch = broadcast_shapes(batch_shape(x), batch_shape(y));
  x = broadcast_batch(x, batch, s);
  y = broadcast_batch(y, batch, s);
  array out = apply<Matmul>({x, y}, to_stream(s));
  if (fold) {
    Shape shape = folded;
    shape.back() = out.shape(-1);
    out = reshape(out, shape, s);
  }
  if (a.ndim() == 1) out = squeeze(out, -2, s);
  if (b.ndim() == 1) out = squeeze(out, -1, s);
  return out;
}

array addmm(const array& c, const array& a, const array& b, const float& alpha, const float& beta, StreamOrDevice s) {
  array product = matmul(a, b, s);
  const Dtype dtype = promote_types(product.dtype(), c.dtype());
  if (alpha != 1.0f) product = multiply(product, array(alpha, dtype), s);
  if (beta == 0.0f) return astype(product, dtype, s);
  return add(product, beta == 1.0f ? c : multiply(c, array(beta, dtype), s), s);
}

array inner(const array& a, const array& b, StreamOrDevice s) {
  if (a.ndim() == 0 || b.ndim() == 0) return multiply(a, b, s);
  return tensordot(a, b, {-1}, {-1}, s);
}

array outer(const array& a, const array& b, StreamOrDevice s) {
  return multiply(reshape(a, {static_cast<ShapeElem>(a.size()), 1}, s), flatten(b, s), s);
}

array vecdot(const array& a, const array& b, int axis, StreamOrDevice s) {
  return sum(multiply(conjugate(a, s), b, s), axis, false, s);
}

array tensordot(const array& a, const array& b, const std::vector<int>& axes_a, const std::vector<int>& axes_b,
                StreamOrDevice s) {
  if (axes_a.size() != axes_b.size()) fail_as<std::invalid_argument>("[tensordot] different numbers of axes");
  // Moves the contracted axes of a to the end and those of b to the front, then multiplies as matrices.
  std::vector<int> order_a;
  std::vector<int> order_b;
  std::vector<bool> used_a(a.ndim(), false);
  std::vector<bool> used_b(b.ndim(), false);
  ShapeElem contracted = 1;
  for (size_t i = 0; i < axes_a.size(); ++i) {
    const int x = normalize_axis(axes_a[i], a.ndim(), "tensordot");
    const int y = normalize_axis(axes_b[i], b.ndim(), "tensordot");
    if (a.shape(x) != b.shape(y)) {
      fail_as<std::invalid_argument>("[tensordot] axes of {} and {} do not match", a.shape(x), b.shape(y));
    }
    used_a[static_cast<size_t>(x)] = used_b[static_cast<size_t>(y)] = true;
    contracted *= a.shape(x);
    order_b.push_back(y);
  }
  Shape shape;
  ShapeElem rows = 1;
  ShapeElem cols = 1;
  for (size_t i = 0; i < a.ndim(); ++i) {
    if (used_a[i]) continue;
    order_a.push_back(static_cast<int>(i));
    shape.push_back(a.shape()[i]);
    rows *= a.shape()[i];
  }
  for (const int axis : axes_a) order_a.push_back(normalize_axis(axis, a.ndim(), "tensordot"));
  for (size_t i = 0; i < b.ndim(); ++i) {
    if (used_b[i]) continue;
    order_b.push_back(static_cast<int>(i));
    shape.push_back(b.shape()[i]);
    cols *= b.shape()[i];
  }
  const array left = reshape(transpose(a, order_a, s), {rows, contracted}, s);
  const array right = reshape(transpose(b, order_b, s), {contracted, cols}, s);
  return reshape(matmul(left, right, s), shape, s);
}

array tensordot(const array& a, const array& b, int axis, StreamOrDevice s) {
  if (axis < 0) fail_as<std::invalid_argument>("[tensordot] {} axes", axis);
  std::vector<int> axes_a;
  std::vector<int> axes_b;
  for (int i = 0; i < axis; ++i) {
    axes_a.push_back(i - axis);
    axes_b.push_back(i);
  }
  return tensordot(a, b, axes_a, axes_b, s);
}

array kron(const array& a, const array& b, StreamOrDevice s) {
  const size_t ndim = std::max(a.ndim(), b.ndim());
  Shape left(2 * ndim, 1);  // axes of a before those of b
  Shape right(2 * ndim, 1);
  Shape out(ndim, 1);
  for (size_t i = 0; i < ndim; ++i) {
    if (i + a.ndim() >= ndim) left[2 * i] = a.shape()[i + a.ndim() - ndim];
    if (i + b.ndim() >= ndim) right[2 * i + 1] = b.shape()[i + b.ndim() - ndim];
    out[i] = left[2 * i] * right[2 * i + 1];
  }
  return reshape(multiply(reshape(a, left, s), reshape(b, right, s), s), out, s);
}

array trace(const array& a, int offset, int axis1, int axis2, Dtype dtype, StreamOrDevice s) {
  return sum(astype(diagonal(a, offset, axis1, axis2, s), dtype, s), -1, false, s);
}
array trace(const array& a, int offset, int axis1, int axis2, StreamOrDevice s) {
  return sum(diagonal(a, offset, axis1, axis2, s), -1, false, s);
}
array trace(const array& a, StreamOrDevice s) {
  return trace(a, 0, 0, 1, s);
}

}  // namespace mica
