#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

/// Linear algebra over the last two axes; the others are a batch. Types: float32 and float64, for svd, eig and eigh
/// complex64 too; another type, a matrix that is not square where it has to be, or fewer than two axes throws
/// std::invalid_argument. A matrix that has no result (a singular one's inverse, a Cholesky factor of one that is not
/// positive definite, NaNs) throws std::runtime_error when it is computed.
namespace mica::linalg {

/// Vector norms (one axis) by `ord` p: (Σ |x|^p)^(1/p), 0 counts nonzero elements, ±inf give the largest or smallest
/// magnitude. Matrix norms (two axes): "fro" or "f", "nuc", 2 and −2 (largest and smallest singular value), 1 and −1
/// (sums of columns), inf and −inf (sums of rows). Without `axis` a needs one or two axes; without `ord` the 2-norm of
/// all elements along the axes. Integers become float32.
array norm(const array& a, double ord, const std::optional<std::vector<int>>& axis = std::nullopt,
           bool keepdims = false, StreamOrDevice s = {});
inline array norm(const array& a, double ord, int axis, bool keepdims = false, StreamOrDevice s = {}) {
  return norm(a, ord, std::vector<int>{axis}, keepdims, s);
}
array norm(const array& a, const std::string& ord, const std::optional<std::vector<int>>& axis = std::nullopt,
           bool keepdims = false, StreamOrDevice s = {});
inline array norm(const array& a, const std::string& ord, int axis, bool keepdims = false, StreamOrDevice s = {}) {
  return norm(a, ord, std::vector<int>{axis}, keepdims, s);
}
array norm(const array& a, const std::optional<std::vector<int>>& axis = std::nullopt, bool keepdims = false,
           StreamOrDevice s = {});
inline array norm(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {}) {
  return norm(a, std::vector<int>{axis}, keepdims, s);
}

/// a [M, N] = Q [M, K] · R [K, N] with K = min(M, N), Q orthogonal, R upper triangular.
std::pair<array, array> qr(const array& a, StreamOrDevice s = {});

/// a [M, N] = U [M, M] · S · Vᵀ [N, N]: {U, S, Vᵀ}, or {S} without compute_uv; S are the min(M, N) singular values,
/// descending.
std::vector<array> svd(const array& a, bool compute_uv, StreamOrDevice s = {});
inline std::vector<array> svd(const array& a, StreamOrDevice s = {}) {
  return svd(a, true, s);
}

/// The inverse of each matrix. Throws std::invalid_argument for one that is not square.
array inv(const array& a, StreamOrDevice s = {});
/// The inverse of a triangular matrix; the other triangle is not read.
array tri_inv(const array& a, bool upper = false, StreamOrDevice s = {});
/// The triangular L with L · Lᵀ = a (or U with Uᵀ · U = a) of a symmetric positive definite matrix.
array cholesky(const array& a, bool upper = false, StreamOrDevice s = {});
/// The inverse of L · Lᵀ (or Uᵀ · U) from its Cholesky factor.
array cholesky_inv(const array& a, bool upper = false, StreamOrDevice s = {});
/// The Moore-Penrose inverse [N, M].
array pinv(const array& a, StreamOrDevice s = {});

/// {P, L, U} with a = L[P] · U: P uint32 [M], L [M, K] unit lower, U [K, N] upper triangular.
std::vector<array> lu(const array& a, StreamOrDevice s = {});
/// L (below the diagonal) and U in one matrix, and the row exchanges (uint32 [K]) in their order.
std::pair<array, array> lu_factor(const array& a, StreamOrDevice s = {});

/// x with a · x = b, b [N] or [..., N, K]; batches are broadcast.
array solve(const array& a, const array& b, StreamOrDevice s = {});
array solve_triangular(const array& a, const array& b, bool upper = false, StreamOrDevice s = {});

/// The cross product along an axis of 2 (whose third element counts as 0) or 3.
array cross(const array& a, const array& b, int axis = -1, StreamOrDevice s = {});

/// Eigenvalues [N] and right eigenvectors [N, N] (columns), complex64.
std::pair<array, array> eig(const array& a, StreamOrDevice s = {});
array eigvals(const array& a, StreamOrDevice s = {});
/// Those of a symmetric (Hermitian) matrix, ascending; of the matrix the lower ("L") or upper ("U") triangle is read.
std::pair<array, array> eigh(const array& a, const std::string& UPLO = "L", StreamOrDevice s = {});
array eigvalsh(const array& a, const std::string& UPLO = "L", StreamOrDevice s = {});

/// The determinant; integers become float32.
array det(const array& a, StreamOrDevice s = {});
/// Sign and logarithm of the magnitude of the determinant.
std::pair<array, array> slogdet(const array& a, StreamOrDevice s = {});

}  // namespace mica::linalg
