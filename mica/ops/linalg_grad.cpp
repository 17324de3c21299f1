// Gradients and tangents of the factorizations. Formulas: M. Giles, "An extended collection of matrix derivative
// results for forward and reverse mode AD" (2008); QR and Cholesky: S. Walter et al. (2012), I. Murray (2016).
#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/common.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/linalg.h"
#include "mica/ops/linalg_primitives.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

using linalg::inv;

array part_of(const array& a, Triangle triangle, StreamOrDevice s) {
  return triangle == Triangle::none ? a : triangle == Triangle::lower ? tril(a, 0, s) : triu(a, 0, s);
}

array half(const array& a, StreamOrDevice s) {
  return multiply(a, constant_like(0.5, a), s);
}

/// The lower triangle with half of the diagonal.
array lower_half(const array& a, StreamOrDevice s) {
  return half(add(tril(a, 0, s), tril(a, -1, s), s), s);
}

array matmul3(const array& a, const array& b, const array& c, StreamOrDevice s) {
  return matmul(matmul(a, b, s), c, s);
}

array identity_like(const array& a, StreamOrDevice s) {
  return eye(static_cast<int>(a.shape(-1)), a.dtype(), s);
}

/// 1 / (λ_j − λ_i), 0 where the two are equal.
array inverse_gaps(const array& values, StreamOrDevice s) {
  const array gaps = subtract(expand_dims(values, -2, s), expand_dims(values, -1, s), s);
  const array same = equal(gaps, constant_like(0, gaps), s);
  return where(same, constant_like(0, gaps), reciprocal(where(same, constant_like(1, gaps), gaps, s), s), s);
}

/// diag(values) · a
array scale_rows(const array& values, const array& a, StreamOrDevice s) {
  return multiply(expand_dims(values, -1, s), a, s);
}

array diagonal_of(const array& a, StreamOrDevice s) {
  return diagonal(a, 0, -2, -1, s);
}

void need_real(const array& a, std::string_view op) {
  if (a.dtype() == complex64) fail_as<std::invalid_argument>("[{}] has no gradient by complex matrices", op);
}

/// U and V of the singular values alone, [..., M, K] and [..., N, K].
std::pair<array, array> thin_vectors(const array& a, Stream s) {
  const std::vector<array> parts = make_arrays(std::make_shared<SVD>(s, true), {a});
  const ShapeElem k = std::min(a.shape(-1), a.shape(-2));
  Shape u_stop = parts[0].shape();
  u_stop.back() = k;
  Shape v_stop = parts[2].shape();
  v_stop[v_stop.size() - 2] = k;
  return {slice(parts[0], Shape(a.ndim(), 0), u_stop, s),
          transposed(slice(parts[2], Shape(a.ndim(), 0), v_stop, s), s)};
}

}  // namespace

std::vector<array> Inverse::vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                                const std::vector<int>&, const std::vector<array>& outputs) const {
  const array back = transposed(outputs[0], stream());
  return {part_of(negative(matmul3(back, cotangents[0], back, stream()), stream()), triangle, stream())};
}

std::vector<array> Inverse::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                const std::vector<int>&) const {
  const array inverse = apply<Inverse>({primals[0]}, stream(), triangle);
  const array change = part_of(tangents[0], triangle, stream());
  return {negative(matmul3(inverse, change, inverse, stream()), stream())};
}

std::vector<array> Cholesky::vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                                 const std::vector<int>&, const std::vector<array>& outputs) const {
  const array& factor = outputs[0];
  const array inverse = apply<Inverse>({factor}, stream(), Triangle::lower);
  const array middle = lower_half(matmul(transposed(factor, stream()), cotangents[0], stream()), stream());
  const array out = matmul3(transposed(inverse, stream()), middle, inverse, stream());
  return {half(add(out, transposed(out, stream()), stream()), stream())};
}

std::vector<array> Cholesky::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                 const std::vector<int>&) const {
  const array factor = apply<Cholesky>({primals[0]}, stream());
  const array inverse = apply<Inverse>({factor}, stream(), Triangle::lower);
  const array symmetric = half(add(tangents[0], transposed(tangents[0], stream()), stream()), stream());
  const array middle = matmul3(inverse, symmetric, transposed(inverse, stream()), stream());
  return {matmul(factor, lower_half(middle, stream()), stream())};
}

std::vector<array> Solve::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                              const std::vector<int>& argnums, const std::vector<array>& outputs) const {
  const Triangle mirrored = triangle == Triangle::none    ? Triangle::none
                            : triangle == Triangle::lower ? Triangle::upper
                                                          : Triangle::lower;
  const array right = apply<Solve>({transposed(primals[0], stream()), cotangents[0]}, stream(), mirrored);
  std::vector<array> out;
  for (const int argument : argnums) {
    if (argument == 1) {
      out.push_back(right);
    } else {
      const array product = matmul(right, transposed(outputs[0], stream()), stream());
      out.push_back(part_of(negative(product, stream()), triangle, stream()));
    }
  }
  return out;
}

std::vector<array> Solve::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                              const std::vector<int>& argnums) const {
  std::vector<array> terms;
  for (size_t i = 0; i < argnums.size(); ++i) {
    if (argnums[i] == 1) {
      terms.push_back(tangents[i]);
    } else {
      const array x = apply<Solve>(primals, stream(), triangle);
      terms.push_back(negative(matmul(part_of(tangents[i], triangle, stream()), x, stream()), stream()));
    }
  }
  return {apply<Solve>({primals[0], sum_of(terms, stream())}, stream(), triangle)};
}

std::vector<array> Determinant::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                    const std::vector<int>&, const std::vector<array>& outputs) const {
  // The sign does not change; d det = det · d log |det|.
  const array by_log = add(cotangents[2], multiply(cotangents[0], outputs[0], stream()), stream());
  const array back = transposed(inv(primals[0], stream()), stream());
  return {multiply(expand_dims(by_log, {-1, -2}, stream()), back, stream())};
}

std::vector<array> Determinant::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                    const std::vector<int>&) const {
  const std::vector<array> values = make_arrays(std::make_shared<Determinant>(stream()), primals);
  const array change =
      sum(diagonal_of(matmul(inv(primals[0], stream()), tangents[0], stream()), stream()), -1, false, stream());
  return {multiply(values[0], change, stream()), zeros_like(values[1], stream()), change};
}

std::vector<array> Eigh::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                             const std::vector<int>&, const std::vector<array>&) const {
  need_real(primals[0], name());
  const Stream s = stream();
  const std::vector<array> both = make_arrays(std::make_shared<Eigh>(s, true, upper), primals);
  const array& v = both[1];
  array inner = multiply(identity_like(v, s), expand_dims(cotangents[0], -1, s), s);
  if (vectors) {
    const array turned = matmul(transposed(v, s), cotangents[1], s);
    inner = add(inner, multiply(inverse_gaps(both[0], s), turned, s), s);
  }
  // As if both triangles were read: what a symmetric change of the matrix does.
  return {matmul3(v, inner, transposed(v, s), s)};
}

std::vector<array> Eigh::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                             const std::vector<int>&) const {
  need_real(primals[0], name());
  const Stream s = stream();
  const std::vector<array> both = make_arrays(std::make_shared<Eigh>(s, true, upper), primals);
  const array& v = both[1];
  const array turned = matmul3(transposed(v, s), tangents[0], v, s);
  std::vector<array> out = {diagonal_of(turned, s)};
  if (vectors) out.push_back(matmul(v, multiply(inverse_gaps(both[0], s), turned, s), s));
  return out;
}

std::vector<array> SVD::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                            const std::vector<int>& argnums, const std::vector<array>& outputs) const {
  if (vectors) return Primitive::vjp(primals, cotangents, argnums, outputs);
  need_real(primals[0], name());
  const auto [u, v] = thin_vectors(primals[0], stream());
  return {matmul(u, scale_rows(cotangents[0], transposed(v, stream()), stream()), stream())};
}

std::vector<array> SVD::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                            const std::vector<int>& argnums) const {
  if (vectors) return Primitive::jvp(primals, tangents, argnums);
  need_real(primals[0], name());
  const auto [u, v] = thin_vectors(primals[0], stream());
  return {diagonal_of(matmul3(transposed(u, stream()), tangents[0], v, stream()), stream())};
}

std::vector<array> QRFactor::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                 const std::vector<int>& argnums, const std::vector<array>& outputs) const {
  if (primals[0].shape(-2) < primals[0].shape(-1)) return Primitive::vjp(primals, cotangents, argnums, outputs);
  const Stream s = stream();
  const array& q = outputs[0];
  const array& r = outputs[1];
  const array mixed =
      subtract(matmul(r, transposed(cotangents[1], s), s), matmul(transposed(cotangents[0], s), q, s), s);
  const array symmetric = add(tril(mixed, 0, s), transposed(tril(mixed, -1, s), s), s);
  const array before = add(cotangents[0], matmul(q, symmetric, s), s);
  // · R⁻ᵀ from the right: solve R · X = beforeᵀ.
  return {transposed(apply<Solve>({r, transposed(before, s)}, s, Triangle::upper), s)};
}

std::vector<array> QRFactor::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                 const std::vector<int>& argnums) const {
  if (primals[0].shape(-2) < primals[0].shape(-1)) return Primitive::jvp(primals, tangents, argnums);
  const Stream s = stream();
  const std::vector<array> parts = make_arrays(std::make_shared<QRFactor>(s), primals);
  const array& q = parts[0];
  const array& r = parts[1];
  const array change = transposed(apply<Solve>({transposed(r, s), transposed(tangents[0], s)}, s, Triangle::lower), s);
  const array inside = matmul(transposed(q, s), change, s);
  const array below = tril(inside, -1, s);
  const array turn = subtract(below, transposed(below, s), s);
  const array outside = subtract(change, matmul(q, inside, s), s);
  return {add(outside, matmul(q, turn, s), s), matmul(subtract(inside, turn, s), r, s)};
}

}  // namespace mica
