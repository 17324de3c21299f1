// Shapes and batching of the factorizations.
#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/linalg_primitives.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

void check_matrices(const array& a, std::string_view op, bool complex_too) {
  const bool typed = a.dtype() == float32 || a.dtype() == float64 || (complex_too && a.dtype() == complex64);
  if (!typed) {
    fail_as<std::invalid_argument>("[{}] matrices must be float32{} or float64, not {}", op,
                                   complex_too ? ", complex64" : "", dtype_name(a.dtype()));
  }
  if (a.ndim() < 2) {
    fail_as<std::invalid_argument>("[{}] an array of shape {} is no matrix", op, to_string(a.shape()));
  }
}

void check_square(const array& a, std::string_view op, bool complex_too) {
  check_matrices(a, op, complex_too);
  if (a.shape(-1) != a.shape(-2)) {
    fail_as<std::invalid_argument>("[{}] matrices of shape {} are not square", op, to_string(a.shape()));
  }
}

/// The batch axes, then the given ones.
Shape batched(const array& a, std::initializer_list<ShapeElem> behind) {
  Shape shape(a.shape().begin(), a.shape().end() - 2);
  for (const ShapeElem length : behind) shape.push_back(length);
  return shape;
}

Dtype real_type(const array& a) {
  return a.dtype() == complex64 ? float32 : a.dtype();
}

/// Batching of a primitive that leaves leading axes alone.
Batched as_batch(const std::vector<array>& inputs, const std::vector<int>& axes,
                 const std::shared_ptr<Primitive>& same) {
  std::vector<array> outs = make_arrays(same, batches(inputs, axes, same->stream()));
  std::vector<int> out_axes(outs.size(), 0);
  return {std::move(outs), std::move(out_axes)};
}

}  // namespace

std::vector<OutputSpec> QRFactor::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  const array& a = inputs[0];
  check_matrices(a, name(), false);
  const ShapeElem k = std::min(a.shape(-2), a.shape(-1));
  return {{batched(a, {a.shape(-2), k}), a.dtype()}, {batched(a, {k, a.shape(-1)}), a.dtype()}};
}

std::vector<OutputSpec> SVD::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  const array& a = inputs[0];
  check_matrices(a, name(), true);
  const ShapeElem m = a.shape(-2);
  const ShapeElem n = a.shape(-1);
  const OutputSpec values = {batched(a, {std::min(m, n)}), real_type(a)};
  if (!vectors) return {values};
  return {{batched(a, {m, m}), a.dtype()}, values, {batched(a, {n, n}), a.dtype()}};
}

std::vector<OutputSpec> Inverse::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_square(inputs[0], name(), false);
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> Cholesky::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_square(inputs[0], name(), false);
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> LUFactor::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  const array& a = inputs[0];
  check_matrices(a, name(), false);
  const ShapeElem m = a.shape(-2);
  return {{a.shape(), a.dtype()}, {batched(a, {std::min(m, a.shape(-1))}), uint32}, {batched(a, {m}), uint32}};
}

std::vector<OutputSpec> Solve::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 2, name());
  check_square(inputs[0], name(), false);
  check_matrices(inputs[1], name(), false);
  check_dtype(inputs[1], inputs[0].dtype(), name());
  check_shape(inputs[1], batched(inputs[0], {inputs[0].shape(-1), inputs[1].shape(-1)}), name());
  return {{inputs[1].shape(), inputs[1].dtype()}};
}

std::vector<OutputSpec> Eig::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  const array& a = inputs[0];
  check_square(a, name(), true);
  const OutputSpec values = {batched(a, {a.shape(-1)}), complex64};
  if (!vectors) return {values};
  return {values, {a.shape(), complex64}};
}

std::vector<OutputSpec> Eigh::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  const array& a = inputs[0];
  check_square(a, name(), true);
  const OutputSpec values = {batched(a, {a.shape(-1)}), real_type(a)};
  if (!vectors) return {values};
  return {values, {a.shape(), a.dtype()}};
}

std::vector<OutputSpec> Determinant::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  const array& a = inputs[0];
  check_square(a, name(), false);
  const OutputSpec out = {batched(a, {}), a.dtype()};
  return {out, out, out};
}

Batched QRFactor::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<QRFactor>(stream()));
}
Batched SVD::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<SVD>(stream(), vectors));
}
Batched Inverse::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<Inverse>(stream(), triangle));
}
Batched Cholesky::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<Cholesky>(stream()));
}
Batched LUFactor::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<LUFactor>(stream()));
}
Batched Solve::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<Solve>(stream(), triangle));
}
Batched Eig::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<Eig>(stream(), vectors));
}
Batched Eigh::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<Eigh>(stream(), vectors, upper));
}
Batched Determinant::vmap(const std::vector<array>& inputs, const std::vector<int>& axes) const {
  return as_batch(inputs, axes, std::make_shared<Determinant>(stream()));
}

}  // namespace mica
