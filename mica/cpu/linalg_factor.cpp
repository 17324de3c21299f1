// Factorizations, solves and inverses by LAPACK.
#include <cmath>
#include <cstring>
#include <numeric>

#include "mica/cpu/lapack.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/ops/linalg_primitives.h"

namespace mica::cpu {
namespace {

constexpr int kRows = LAPACK_ROW_MAJOR;

// LAPACK's routines by type.
lapack_int geqrf(lapack_int m, lapack_int n, float* a, float* tau) {
  return MICA_LAPACK(LAPACKE_sgeqrf)(kRows, m, n, a, n, tau);
}
lapack_int geqrf(lapack_int m, lapack_int n, double* a, double* tau) {
  return MICA_LAPACK(LAPACKE_dgeqrf)(kRows, m, n, a, n, tau);
}
lapack_int orgqr(lapack_int m, lapack_int n, float* a, const float* tau) {
  return MICA_LAPACK(LAPACKE_sorgqr)(kRows, m, n, n, a, n, tau);
}
lapack_int orgqr(lapack_int m, lapack_int n, double* a, const double* tau) {
  return MICA_LAPACK(LAPACKE_dorgqr)(kRows, m, n, n, a, n, tau);
}
lapack_int getrf(lapack_int m, lapack_int n, float* a, lapack_int* pivots) {
  return MICA_LAPACK(LAPACKE_sgetrf)(kRows, m, n, a, n, pivots);
}
lapack_int getrf(lapack_int m, lapack_int n, double* a, lapack_int* pivots) {
  return MICA_LAPACK(LAPACKE_dgetrf)(kRows, m, n, a, n, pivots);
}
lapack_int getri(lapack_int n, float* a, const lapack_int* pivots) {
  return MICA_LAPACK(LAPACKE_sgetri)(kRows, n, a, n, pivots);
}
lapack_int getri(lapack_int n, double* a, const lapack_int* pivots) {
  return MICA_LAPACK(LAPACKE_dgetri)(kRows, n, a, n, pivots);
}
lapack_int trtri(char part, lapack_int n, float* a) {
  return MICA_LAPACK(LAPACKE_strtri)(kRows, part, 'N', n, a, n);
}
lapack_int trtri(char part, lapack_int n, double* a) {
  return MICA_LAPACK(LAPACKE_dtrtri)(kRows, part, 'N', n, a, n);
}
lapack_int potrf(lapack_int n, float* a) {
  return MICA_LAPACK(LAPACKE_spotrf)(kRows, 'L', n, a, n);
}
lapack_int potrf(lapack_int n, double* a) {
  return MICA_LAPACK(LAPACKE_dpotrf)(kRows, 'L', n, a, n);
}
lapack_int gesv(lapack_int n, lapack_int k, float* a, lapack_int* pivots, float* b) {
  return MICA_LAPACK(LAPACKE_sgesv)(kRows, n, k, a, n, pivots, b, k);
}
lapack_int gesv(lapack_int n, lapack_int k, double* a, lapack_int* pivots, double* b) {
  return MICA_LAPACK(LAPACKE_dgesv)(kRows, n, k, a, n, pivots, b, k);
}
lapack_int trtrs(char part, lapack_int n, lapack_int k, const float* a, float* b) {
  return MICA_LAPACK(LAPACKE_strtrs)(kRows, part, 'N', 'N', n, k, a, n, b, k);
}
lapack_int trtrs(char part, lapack_int n, lapack_int k, const double* a, double* b) {
  return MICA_LAPACK(LAPACKE_dtrtrs)(kRows, part, 'N', 'N', n, k, a, n, b, k);
}

/// Calls f with a value of the real type of the matrices.
template <typename F>
void for_real_type(const array& a, F f) {
  if (a.dtype() == float64) {
    f(double{});
  } else {
    f(float{});
  }
}

char letter(Triangle triangle) {
  return triangle == Triangle::upper ? 'U' : 'L';
}

/// The output starts as a copy of the input in C order.
void copy_input(const array& input, array& out) {
  allocate(out);
  const array a = row_contiguous(input);
  if (a.nbytes() > 0) std::memcpy(out.data<std::byte>(), a.data<std::byte>(), a.nbytes());
}

void qr(const QRFactor&, std::span<array> inputs, std::span<array> outputs) {
  const array a = row_contiguous(inputs[0]);
  allocate(outputs[0]);
  allocate(outputs[1]);
  const lapack_int m = lapack_length(a.shape(-2));
  const lapack_int n = lapack_length(a.shape(-1));
  const lapack_int k = std::min(m, n);
  if (k == 0) return;
  for_real_type(a, [&]<typename T>(T) {
    for_matrices(matrix_count(a), std::max(m, n), [&](int64_t i) {
      const T* from = a.data<T>() + i * m * n;
      T* q = outputs[0].data<T>() + i * m * k;
      T* r = outputs[1].data<T>() + i * k * n;
      std::vector<T> work(from, from + int64_t{m} * n);
      std::vector<T> tau(static_cast<size_t>(k));
      check_lapack(geqrf(m, n, work.data(), tau.data()), "qr", "no factors found");
      for (int64_t row = 0; row < k; ++row) {
        std::fill_n(r + row * n, row, T(0));
        std::copy_n(work.data() + row * n + row, n - row, r + row * n + row);
      }
      for (int64_t row = 0; row < m; ++row) std::copy_n(work.data() + row * n, k, q + row * k);
      check_lapack(orgqr(m, k, q, tau.data()), "qr", "no factors found");
    });
  });
}

void inverse(const Inverse& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  copy_input(inputs[0], out);
  const lapack_int n = lapack_length(out.shape(-1));
  if (n == 0) return;
  for_real_type(out, [&]<typename T>(T) {
    for_matrices(matrix_count(out), n, [&](int64_t i) {
      T* a = out.data<T>() + i * n * n;
      if (primitive.triangle == Triangle::none) {
        std::vector<lapack_int> pivots(static_cast<size_t>(n));
        check_lapack(getrf(n, n, a, pivots.data()), "inv", "the matrix is singular");
        check_lapack(getri(n, a, pivots.data()), "inv", "the matrix is singular");
        return;
      }
      const bool upper = primitive.triangle == Triangle::upper;
      for (int64_t row = 0; row < n; ++row) {
        if (upper) {
          std::fill_n(a + row * n, row, T(0));
        } else {
          std::fill_n(a + row * n + row + 1, n - row - 1, T(0));
        }
      }
      check_lapack(trtri(letter(primitive.triangle), n, a), "tri_inv", "the matrix is singular");
    });
  });
}

void cholesky(const Cholesky&, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  copy_input(inputs[0], out);
  const lapack_int n = lapack_length(out.shape(-1));
  if (n == 0) return;
  for_real_type(out, [&]<typename T>(T) {
    for_matrices(matrix_count(out), n, [&](int64_t i) {
      T* a = out.data<T>() + i * n * n;
      check_lapack(potrf(n, a), "cholesky", "the matrix is not positive definite");
      for (int64_t row = 0; row < n; ++row) std::fill_n(a + row * n + row + 1, n - row - 1, T(0));
    });
  });
}

void lu(const LUFactor&, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  copy_input(inputs[0], out);
  allocate(outputs[1]);
  allocate(outputs[2]);
  const lapack_int m = lapack_length(out.shape(-2));
  const lapack_int n = lapack_length(out.shape(-1));
  const lapack_int k = std::min(m, n);
  if (m == 0) return;
  for_real_type(out, [&]<typename T>(T) {
    for_matrices(matrix_count(out), std::max(m, n), [&](int64_t i) {
      std::vector<lapack_int> pivots(static_cast<size_t>(k));
      // A singular matrix has factors, too.
      if (k > 0) check_lapack(std::min(getrf(m, n, out.data<T>() + i * m * n, pivots.data()), 0), "lu", "");
      std::vector<uint32_t> order(static_cast<size_t>(m));
      std::iota(order.begin(), order.end(), 0u);
      for (lapack_int j = 0; j < k; ++j) {
        const auto row = static_cast<uint32_t>(pivots[static_cast<size_t>(j)] - 1);
        outputs[1].data<uint32_t>()[i * k + j] = row;
        std::swap(order[static_cast<size_t>(j)], order[row]);
      }
      // Row j of L · U is row order[j] of the matrix; P says where a row of the matrix is.
      for (uint32_t j = 0; j < order.size(); ++j) outputs[2].data<uint32_t>()[i * m + order[j]] = j;
    });
  });
}

void solve(const Solve& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  copy_input(inputs[1], out);
  const array a = row_contiguous(inputs[0]);
  const lapack_int n = lapack_length(out.shape(-2));
  const lapack_int k = lapack_length(out.shape(-1));
  if (n == 0 || k == 0) return;
  for_real_type(out, [&]<typename T>(T) {
    for_matrices(matrix_count(out), std::max(n, k), [&](int64_t i) {
      const T* from = a.data<T>() + i * n * n;
      T* b = out.data<T>() + i * n * k;
      if (primitive.triangle != Triangle::none) {
        check_lapack(trtrs(letter(primitive.triangle), n, k, from, b), "solve_triangular", "the matrix is singular");
        return;
      }
      std::vector<T> work(from, from + int64_t{n} * n);
      std::vector<lapack_int> pivots(static_cast<size_t>(n));
      check_lapack(gesv(n, k, work.data(), pivots.data(), b), "solve", "the matrix is singular");
    });
  });
}

void determinant(const Determinant&, std::span<array> inputs, std::span<array> outputs) {
  const array a = row_contiguous(inputs[0]);
  for (array& out : outputs) allocate(out);
  const lapack_int n = lapack_length(a.shape(-1));
  for_real_type(a, [&]<typename T>(T) {
    for_matrices(matrix_count(a), n, [&](int64_t i) {
      const T* from = a.data<T>() + i * n * n;
      std::vector<T> work(from, from + int64_t{n} * n);
      std::vector<lapack_int> pivots(static_cast<size_t>(n));
      if (n > 0) check_lapack(std::min(getrf(n, n, work.data(), pivots.data()), 0), "det", "");
      double product = 1;
      double sign = 1;
      double logarithm = 0;
      for (int64_t j = 0; j < n; ++j) {
        double factor = work[static_cast<size_t>(j * n + j)];
        if (pivots[static_cast<size_t>(j)] != j + 1) factor = -factor;
        product *= factor;
        sign *= factor > 0 ? 1 : factor < 0 ? -1 : 0;
        logarithm += std::log(std::abs(factor));
      }
      outputs[0].data<T>()[i] = static_cast<T>(product);
      outputs[1].data<T>()[i] = static_cast<T>(sign);
      outputs[2].data<T>()[i] = static_cast<T>(logarithm);
    });
  });
}

}  // namespace

void register_linalg_factor(Backend& backend) {
  backend.add<QRFactor, qr>();
  backend.add<Inverse, inverse>();
  backend.add<Cholesky, cholesky>();
  backend.add<LUFactor, lu>();
  backend.add<Solve, solve>();
  backend.add<Determinant, determinant>();
}

}  // namespace mica::cpu
