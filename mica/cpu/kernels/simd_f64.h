#pragma once

// Vectors of f64 for kernel files: what dense products need of them.

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

#if defined(__AVX512F__)

struct F64 {
  static constexpr int kLanes = 8;
  __m512d v;
  F64() = default;
  F64(__m512d value) : v(value) {}                 // NOLINT(google-explicit-constructor)
  F64(double value) : v(_mm512_set1_pd(value)) {}  // NOLINT(google-explicit-constructor)
  static F64 load(const double* p) { return _mm512_loadu_pd(p); }
  void store(double* p) const { _mm512_storeu_pd(p, v); }
};
inline F64 operator+(F64 a, F64 b) {
  return _mm512_add_pd(a.v, b.v);
}
inline F64 fma(F64 a, F64 b, F64 c) {
  return _mm512_fmadd_pd(a.v, b.v, c.v);
}

#elif defined(__AVX2__)

struct F64 {
  static constexpr int kLanes = 4;
  __m256d v;
  F64() = default;
  F64(__m256d value) : v(value) {}                 // NOLINT(google-explicit-constructor)
  F64(double value) : v(_mm256_set1_pd(value)) {}  // NOLINT(google-explicit-constructor)
  static F64 load(const double* p) { return _mm256_loadu_pd(p); }
  void store(double* p) const { _mm256_storeu_pd(p, v); }
};
inline F64 operator+(F64 a, F64 b) {
  return _mm256_add_pd(a.v, b.v);
}
inline F64 fma(F64 a, F64 b, F64 c) {
  return _mm256_fmadd_pd(a.v, b.v, c.v);
}

#else

struct F64 {
  static constexpr int kLanes = 2;
  double v[2];
  F64() = default;
  F64(double value) : v{value, value} {}  // NOLINT(google-explicit-constructor)
  static F64 load(const double* p) {
    F64 out;
    out.v[0] = p[0];
    out.v[1] = p[1];
    return out;
  }
  void store(double* p) const {
    p[0] = v[0];
    p[1] = v[1];
  }
};
inline F64 operator+(F64 a, F64 b) {
  a.v[0] += b.v[0];
  a.v[1] += b.v[1];
  return a;
}
inline F64 fma(F64 a, F64 b, F64 c) {
  c.v[0] += a.v[0] * b.v[0];
  c.v[1] += a.v[1] * b.v[1];
  return c;
}

#endif

/// The first n lanes (0 … kLanes); the others are 0, and memory behind them is not touched.
inline F64 load_some(const double* p, int64_t n) {
  alignas(64) double lanes[F64::kLanes] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return F64::load(lanes);
}

inline double reduce_add(F64 a) {
  alignas(64) double lanes[F64::kLanes];
  a.store(lanes);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace mica::cpu::MICA_ISA_NS
