#include "mica/ops/linalg.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/common.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/linalg_primitives.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::linalg {
namespace {

/// Rows [0, rows) and columns [0, cols) of the matrices.
array corner(const array& a, ShapeElem rows, ShapeElem cols, StreamOrDevice s) {
  Shape stop = a.shape();
  stop[stop.size() - 2] = rows;
  stop.back() = cols;
  return slice(a, Shape(stop.size(), 0), stop, s);
}

/// Operands of a solve: one dtype, one batch, b a matrix.
array solved(const array& a, const array& b, Triangle triangle, std::string_view op, StreamOrDevice s) {
  if (a.ndim() < 2 || b.ndim() < 1) {
    fail_as<std::invalid_argument>("[{}] shapes {} and {} are no system of equations", op, to_string(a.shape()),
                                   to_string(b.shape()));
  }
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  const bool vector = b.ndim() == 1;
  array right = astype(vector ? expand_dims(b, -1, s) : b, dtype, s);
  array left = astype(a, dtype, s);
  if (left.shape(-1) != right.shape(-2)) {
    fail_as<std::invalid_argument>("[{}] matrices of shape {} do not match right sides of shape {}", op,
                                   to_string(a.shape()), to_string(b.shape()));
  }
  const auto batch_of = [](const array& x) { return Shape(x.shape().begin(), x.shape().end() - 2); };
  const Shape batch = broadcast_shapes(batch_of(left), batch_of(right));
  const auto spread = [&](const array& x) {
    Shape shape = batch;
    shape.push_back(x.shape(-2));
    shape.push_back(x.shape(-1));
    return broadcast_to(x, shape, s);
  };
  const array out = apply<Solve>({spread(left), spread(right)}, to_stream(s), triangle);
  return vector ? squeeze(out, -1, s) : out;
}

bool lower_triangle(const std::string& uplo) {
  if (uplo != "L" && uplo != "U") {
    fail_as<std::invalid_argument>("[eigh] UPLO {} is not L or U", mica::quoted(uplo));
  }
  return uplo == "L";
}

}  // namespace

std::pair<array, array> qr(const array& a, StreamOrDevice s) {
  auto parts = make_arrays(std::make_shared<QRFactor>(to_stream(s)), {a});
  return {parts[0], parts[1]};
}

std::vector<array> svd(const array& a, bool compute_uv, StreamOrDevice s) {
  return make_arrays(std::make_shared<SVD>(to_stream(s), compute_uv), {a});
}

array inv(const array& a, StreamOrDevice s) {
  return apply<Inverse>({a}, to_stream(s), Triangle::none);
}
array tri_inv(const array& a, bool upper, StreamOrDevice s) {
  return apply<Inverse>({a}, to_stream(s), upper ? Triangle::upper : Triangle::lower);
}

array cholesky(const array& a, bool upper, StreamOrDevice s) {
  const array lower = apply<Cholesky>({a}, to_stream(s));
  return upper ? transposed(lower, s) : lower;
}

array cholesky_inv(const array& a, bool upper, StreamOrDevice s) {
  const array inverse = tri_inv(a, upper, s);
  return upper ? matmul(inverse, transposed(inverse, s), s) : matmul(transposed(inverse, s), inverse, s);
}

array pinv(const array& a, StreamOrDevice s) {
  const std::vector<array> parts = svd(a, s);
  const ShapeElem m = a.shape(-2);
  const ShapeElem n = a.shape(-1);
  const ShapeElem k = std::min(m, n);
  const array& values = parts[1];
  if (k == 0) return zeros(transposed(a, s).shape(), a.dtype(), s);
  // Singular values below the rounding errors of the largest one count as zeros.
  const double epsilon = a.dtype() == float64 ? 0x1p-52 : 0x1p-23;
  const array limit = multiply(max(values, -1, true, s),
                               array(10.0 * static_cast<double>(std::max(m, n)) * epsilon, values.dtype()), s);
  const array zero(0, values.dtype());
  const array kept = greater(values, limit, s);
  const array inverse = where(kept, reciprocal(where(kept, values, array(1, values.dtype()), s), s), zero, s);
  const array left = conjugate(transposed(corner(parts[2], k, n, s), s), s);
  const array right = conjugate(transposed(corner(parts[0], m, k, s), s), s);
  return matmul(multiply(left, expand_dims(inverse, -2, s), s), right, s);
}

std::pair<array, array> lu_factor(const array& a, StreamOrDevice s) {
  const auto parts = make_arrays(std::make_shared<LUFactor>(to_stream(s)), {a});
  return {parts[0], parts[1]};
}

std::vector<array> lu(const array& a, StreamOrDevice s) {
  const auto parts = make_arrays(std::make_shared<LUFactor>(to_stream(s)), {a});
  const ShapeElem m = a.shape(-2);
  const ShapeElem n = a.shape(-1);
  const ShapeElem k = std::min(m, n);
  const array unit = eye(static_cast<int>(m), static_cast<int>(k), 0, a.dtype(), s);
  const array lower = add(tril(corner(parts[0], m, k, s), -1, s), unit, s);
  return {parts[2], lower, triu(corner(parts[0], k, n, s), 0, s)};
}

array solve(const array& a, const array& b, StreamOrDevice s) {
  return solved(a, b, Triangle::none, "solve", s);
}
array solve_triangular(const array& a, const array& b, bool upper, StreamOrDevice s) {
  return solved(a, b, upper ? Triangle::upper : Triangle::lower, "solve_triangular", s);
}

array cross(const array& a, const array& b, int axis, StreamOrDevice s) {
  const auto length = [&](const array& x) { return x.shape(normalize_axis(axis, x.ndim(), "cross")); };
  const auto usable = [](ShapeElem n) { return n == 2 || n == 3; };
  if (!usable(length(a)) || !usable(length(b))) {
    fail_as<std::invalid_argument>("[cross] axes of {} and {}: both must be 2 or 3", length(a), length(b));
  }
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  const auto parts_of = [&](const array& x) {
    std::vector<array> parts = split(astype(x, dtype, s), static_cast<int>(length(x)), axis, s);
    if (parts.size() == 2) parts.push_back(zeros_like(parts[0], s));
    return parts;
  };
  const std::vector<array> x = parts_of(a);
  const std::vector<array> y = parts_of(b);
  std::vector<array> out;
  for (size_t i = 0; i < 3; ++i) {
    const size_t j = (i + 1) % 3;
    const size_t k = (i + 2) % 3;
    out.push_back(subtract(multiply(x[j], y[k], s), multiply(x[k], y[j], s), s));
  }
  return concatenate(std::move(out), axis, s);
}

std::pair<array, array> eig(const array& a, StreamOrDevice s) {
  const auto parts = make_arrays(std::make_shared<Eig>(to_stream(s), true), {a});
  return {parts[0], parts[1]};
}
array eigvals(const array& a, StreamOrDevice s) {
  return apply<Eig>({a}, to_stream(s), false);
}
std::pair<array, array> eigh(const array& a, const std::string& UPLO, StreamOrDevice s) {
  const auto parts = make_arrays(std::make_shared<Eigh>(to_stream(s), true, !lower_triangle(UPLO)), {a});
  return {parts[0], parts[1]};
}
array eigvalsh(const array& a, const std::string& UPLO, StreamOrDevice s) {
  return apply<Eigh>({a}, to_stream(s), false, !lower_triangle(UPLO));
}

array det(const array& a, StreamOrDevice s) {
  const array x = issubdtype(a.dtype(), inexact) ? a : astype(a, float32, s);
  return make_arrays(std::make_shared<Determinant>(to_stream(s)), {x})[0];
}
std::pair<array, array> slogdet(const array& a, StreamOrDevice s) {
  const array x = issubdtype(a.dtype(), inexact) ? a : astype(a, float32, s);
  const auto parts = make_arrays(std::make_shared<Determinant>(to_stream(s)), {x});
  return {parts[1], parts[2]};
}

}  // namespace mica::linalg
