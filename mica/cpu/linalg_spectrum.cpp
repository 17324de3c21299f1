// Singular values, eigenvalues and their vectors by LAPACK.
#include <cstring>

#include "mica/cpu/lapack.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/ops/linalg_primitives.h"

namespace mica::cpu {

namespace {

constexpr int kRows = LAPACK_ROW_MAJOR;
constexpr std::string_view kNoConvergence = "the iteration did not converge";

// LAPACK's routines by type.
lapack_int gesdd(char job, lapack_int m, lapack_int n, float* a, float* s, float* u, float* vt) {
  return MICA_LAPACK(LAPACKE_sgesdd)(kRows, job, m, n, a, n, s, u, m, vt, n);
}
lapack_int gesdd(char job, lapack_int m, lapack_int n, double* a, double* s, double* u, double* vt) {
  return MICA_LAPACK(LAPACKE_dgesdd)(kRows, job, m, n, a, n, s, u, m, vt, n);
}
lapack_int gesdd(char job, lapack_int m, lapack_int n, complex64_t* a, float* s, complex64_t* u, complex64_t* vt) {
  return MICA_LAPACK(LAPACKE_cgesdd)(kRows, job, m, n, a, n, s, u, m, vt, n);
}
lapack_int heevd(char job, char part, lapack_int n, float* a, float* w) {
  return MICA_LAPACK(LAPACKE_ssyevd)(kRows, job, part, n, a, n, w);
}
lapack_int heevd(char job, char part, lapack_int n, double* a, double* w) {
  return MICA_LAPACK(LAPACKE_dsyevd)(kRows, job, part, n, a, n, w);
}
lapack_int heevd(char job, char part, lapack_int n, complex64_t* a, float* w) {
  return MICA_LAPACK(LAPACKE_cheevd)(kRows, job, part, n, a, n, w);
}
lapack_int geev(char job, lapack_int n, float* a, float* real, float* imag, float* v) {
  return MICA_LAPACK(LAPACKE_sgeev)(kRows, 'N', job, n, a, n, real, imag, nullptr, n, v, n);
}
lapack_int geev(char job, lapack_int n, double* a, double* real, double* imag, double* v) {
  return MICA_LAPACK(LAPACKE_dgeev)(kRows, 'N', job, n, a, n, real, imag, nullptr, n, v, n);
}

/// Calls f with a value of the matrices' type and one of its real type.
template <typename F>
void for_type(const array& a, F f) {
  if (a.dtype() == float64) {
    f(double{}, double{});
  } else if (a.dtype() == complex64) {
    f(complex64_t{}, float{});
  } else {
    f(float{}, float{});
  }
}

template <typename T>
void set_identity(T* to, int64_t n) {
  std::fill_n(to, n * n, T(0));
  for (int64_t i = 0; i < n; ++i) to[i * n + i] = T(1);
}

void svd(const SVD& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array a = row_contiguous(inputs[0]);
  for (array& out : outputs) allocate(out);
  const lapack_int m = lapack_length(a.shape(-2));
  const lapack_int n = lapack_length(a.shape(-1));
  const lapack_int k = std::min(m, n);
  array& values = outputs[primitive.vectors ? 1 : 0];
  for_type(a, [&]<typename T, typename R>(T, R) {
    for_matrices(matrix_count(a), std::max(m, n), [&](int64_t i) {
      T* u = primitive.vectors ? outputs[0].data<T>() + i * m * m : nullptr;
      T* vt = primitive.vectors ? outputs[2].data<T>() + i * n * n : nullptr;
      if (k == 0) {
        if (u) set_identity(u, m);
        if (vt) set_identity(vt, n);
        return;
      }
      const T* from = a.data<T>() + i * m * n;
      std::vector<T> work(from, from + int64_t{m} * n);
      const char job = primitive.vectors ? 'A' : 'N';
      check_lapack(gesdd(job, m, n, work.data(), values.data<R>() + i * k, u, vt), "svd", kNoConvergence);
    });
  });
}

void eigh(const Eigh& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array a = row_contiguous(inputs[0]);
  for (array& out : outputs) allocate(out);
  const lapack_int n = lapack_length(a.shape(-1));
  if (n == 0) return;
  for_type(a, [&]<typename T, typename R>(T, R) {
    for_matrices(matrix_count(a), n, [&](int64_t i) {
      const T* from = a.data<T>() + i * n * n;
      std::vector<T> work(from, from + int64_t{n} * n);
      const char job = primitive.vectors ? 'V' : 'N';
      R* values = outputs[0].data<R>() + i * n;
      check_lapack(heevd(job, primitive.upper ? 'U' : 'L', n, work.data(), values), "eigh", kNoConvergence);
      if (primitive.vectors) std::copy(work.begin(), work.end(), outputs[1].data<T>() + i * n * n);
    });
  });
}

/// Real matrices: LAPACK gives conjugate pairs as two columns, real and imaginary part.
template <typename T>
void real_eig(const T* from, lapack_int n, complex64_t* values, complex64_t* vectors) {
  std::vector<T> work(from, from + int64_t{n} * n);
  std::vector<T> real(static_cast<size_t>(n));
  std::vector<T> imag(static_cast<size_t>(n));
  std::vector<T> v(vectors ? work.size() : 1);
  check_lapack(geev(vectors ? 'V' : 'N', n, work.data(), real.data(), imag.data(), v.data()), "eig", kNoConvergence);
  for (int64_t j = 0; j < n; ++j) {
    const auto at = static_cast<size_t>(j);
    values[j] = complex64_t(static_cast<float>(real[at]), static_cast<float>(imag[at]));
  }
  if (!vectors) return;
  for (int64_t j = 0; j < n; ++j) {
    const bool pair = imag[static_cast<size_t>(j)] > 0 && j + 1 < n;
    for (int64_t row = 0; row < n; ++row) {
      const auto re = static_cast<float>(v[static_cast<size_t>(row * n + j)]);
      const auto im = pair ? static_cast<float>(v[static_cast<size_t>(row * n + j + 1)]) : 0.0f;
      vectors[row * n + j] = complex64_t(re, im);
      if (pair) vectors[row * n + j + 1] = complex64_t(re, -im);
    }
    if (pair) ++j;
  }
}

void complex_eig(const complex64_t* from, lapack_int n, complex64_t* values, complex64_t* vectors) {
  std::vector<complex64_t> work(from, from + int64_t{n} * n);
  check_lapack(
      MICA_LAPACK(LAPACKE_cgeev)(kRows, 'N', vectors ? 'V' : 'N', n, work.data(), n, values, nullptr, n, vectors, n),
      "eig", kNoConvergence);
}

void eig(const Eig& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array a = row_contiguous(inputs[0]);
  for (array& out : outputs) allocate(out);
  const lapack_int n = lapack_length(a.shape(-1));
  if (n == 0) return;
  for_type(a, [&]<typename T, typename R>(T, R) {
    for_matrices(matrix_count(a), n, [&](int64_t i) {
      const T* from = a.data<T>() + i * n * n;
      complex64_t* values = outputs[0].data<complex64_t>() + i * n;
      complex64_t* vectors = primitive.vectors ? outputs[1].data<complex64_t>() + i * n * n : nullptr;
      if constexpr (std::is_same_v<T, complex64_t>) {
        complex_eig(from, n, values, vectors);
      } else {
        real_eig(from, n, values, vectors);
      }
    });
  });
}

}  // namespace

void register_linalg_spectrum(Backend& backend) {
  backend.add<SVD, svd>();
  backend.add<Eigh, eigh>();
  backend.add<Eig, eig>();
}

}  // namespace mica::cpu
