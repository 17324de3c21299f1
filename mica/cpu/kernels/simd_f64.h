#pragma once

// Vectors of f64 for kernel files: what dense products and powers need of them.

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
inline F64 operator-(F64 a, F64 b) {
  return _mm512_sub_pd(a.v, b.v);
}
inline F64 operator*(F64 a, F64 b) {
  return _mm512_mul_pd(a.v, b.v);
}
inline F64 fma(F64 a, F64 b, F64 c) {
  return _mm512_fmadd_pd(a.v, b.v, c.v);
}
/// The second operand where one is NaN.
inline F64 min(F64 a, F64 b) {
  return _mm512_min_pd(a.v, b.v);
}
inline F64 max(F64 a, F64 b) {
  return _mm512_max_pd(a.v, b.v);
}
/// To the nearest integer, ties to even.
inline F64 round(F64 a) {
  return _mm512_roundscale_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// The first and the second half of the lanes.
inline F64 widen_low(F32 a) {
  return _mm512_cvtps_pd(_mm512_castps512_ps256(a.v));
}
inline F64 widen_high(F32 a) {
  return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1));
}
inline F32 narrow(F64 low, F64 high) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low.v)), _mm512_cvtpd_ps(high.v), 1);
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
inline F64 operator-(F64 a, F64 b) {
  return _mm256_sub_pd(a.v, b.v);
}
inline F64 operator*(F64 a, F64 b) {
  return _mm256_mul_pd(a.v, b.v);
}
inline F64 fma(F64 a, F64 b, F64 c) {
  return _mm256_fmadd_pd(a.v, b.v, c.v);
}
/// The second operand where one is NaN.
inline F64 min(F64 a, F64 b) {
  return _mm256_min_pd(a.v, b.v);
}
inline F64 max(F64 a, F64 b) {
  return _mm256_max_pd(a.v, b.v);
}
/// To the nearest integer, ties to even.
inline F64 round(F64 a) {
  return _mm256_round_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// The first and the second half of the lanes.
inline F64 widen_low(F32 a) {
  return _mm256_cvtps_pd(_mm256_castps256_ps128(a.v));
}
inline F64 widen_high(F32 a) {
  return _mm256_cvtps_pd(_mm256_extractf128_ps(a.v, 1));
}
inline F32 narrow(F64 low, F64 high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low.v)), _mm256_cvtpd_ps(high.v), 1);
}

#else

struct F64 {
  static constexpr int kLanes = 2;
  double v[2];
  F64() = default;
  F64(double value) : v{value, value} {}  // NOLINT(google-explicit-constructor)
  static F64 make(double first, double second) {
    F64 out;
    out.v[0] = first;
    out.v[1] = second;
    return out;
  }
  static F64 load(const double* p) { return make(p[0], p[1]); }
  void store(double* p) const {
    p[0] = v[0];
    p[1] = v[1];
  }
};
inline F64 operator+(F64 a, F64 b) {
  return F64::make(a.v[0] + b.v[0], a.v[1] + b.v[1]);
}
inline F64 operator-(F64 a, F64 b) {
  return F64::make(a.v[0] - b.v[0], a.v[1] - b.v[1]);
}
inline F64 operator*(F64 a, F64 b) {
  return F64::make(a.v[0] * b.v[0], a.v[1] * b.v[1]);
}
inline F64 fma(F64 a, F64 b, F64 c) {
  return a * b + c;
}
/// The second operand where one is NaN.
inline F64 min(F64 a, F64 b) {
  return F64::make(a.v[0] < b.v[0] ? a.v[0] : b.v[0], a.v[1] < b.v[1] ? a.v[1] : b.v[1]);
}
inline F64 max(F64 a, F64 b) {
  return F64::make(a.v[0] > b.v[0] ? a.v[0] : b.v[0], a.v[1] > b.v[1] ? a.v[1] : b.v[1]);
}
/// To the nearest integer, ties to even.
inline F64 round(F64 a) {
  return F64::make(__builtin_rint(a.v[0]), __builtin_rint(a.v[1]));
}
/// The first and the second half of the lanes.
inline F64 widen_low(F32 a) {
  return F64::make(static_cast<double>(a.v[0]), static_cast<double>(a.v[1]));
}
inline F64 widen_high(F32 a) {
  return F64::make(static_cast<double>(a.v[2]), static_cast<double>(a.v[3]));
}
inline F32 narrow(F64 low, F64 high) {
  return F32::make([&](int i) { return static_cast<float>(i < 2 ? low.v[i] : high.v[i - 2]); });
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
