#pragma once

// F32 with 8 lanes; included by simd.h.

#include <immintrin.h>

namespace mica::cpu::MICA_ISA_NS {

/// A truth value per lane: all bits of the lane set or clear.
struct Mask {
  __m256 bits;
  friend Mask operator&(Mask a, Mask b) { return {_mm256_and_ps(a.bits, b.bits)}; }
  friend Mask operator|(Mask a, Mask b) { return {_mm256_or_ps(a.bits, b.bits)}; }
};

struct F32 {
  static constexpr int kLanes = 8;
  __m256 v;

  F32() = default;
  F32(__m256 value) : v(value) {}                 // NOLINT(google-explicit-constructor)
  F32(float value) : v(_mm256_set1_ps(value)) {}  // NOLINT(google-explicit-constructor)

  static __m256i first(int64_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
  }

  static F32 load(const float* p) { return _mm256_loadu_ps(p); }
  /// The first n lanes (0 … kLanes); the others are 0, and memory behind them is not touched.
  static F32 load(const float* p, int64_t n) { return _mm256_maskload_ps(p, first(n)); }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store(float* p, int64_t n) const { _mm256_maskstore_ps(p, first(n), v); }
  /// Past the caches; p is aligned to the vector's size. end_stream() follows before another thread may read.
  void stream(float* p) const { _mm256_stream_ps(p, v); }

  static F32 load_f16(const uint16_t* p) { return _mm256_cvtph_ps(load_16bit(p)); }
  static F32 load_f16(const uint16_t* p, int64_t n) { return _mm256_cvtph_ps(load_16bit(p, n)); }
  void store_f16(uint16_t* p) const { store_16bit(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT), p); }
  void store_f16(uint16_t* p, int64_t n) const { store_16bit(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT), p, n); }

  static F32 load_bf16(const uint16_t* p) { return widen_bf16(load_16bit(p)); }
  static F32 load_bf16(const uint16_t* p, int64_t n) { return widen_bf16(load_16bit(p, n)); }
  void store_bf16(uint16_t* p) const { store_16bit(narrow_bf16(v), p); }
  void store_bf16(uint16_t* p, int64_t n) const { store_16bit(narrow_bf16(v), p, n); }

  static __m128i load_16bit(const uint16_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  static __m128i load_16bit(const uint16_t* p, int64_t n) {
    alignas(16) uint16_t lanes[8] = {};
    for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
    return _mm_load_si128(reinterpret_cast<const __m128i*>(lanes));
  }
  static void store_16bit(__m128i bits, uint16_t* p) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bits); }
  static void store_16bit(__m128i bits, uint16_t* p, int64_t n) {
    alignas(16) uint16_t lanes[8];
    _mm_store_si128(reinterpret_cast<__m128i*>(lanes), bits);
    for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
  }
  static F32 widen_bf16(__m128i bits) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  /// To nearest even; NaN stays NaN.
  static __m128i narrow_bf16(__m256 value) {
    const __m256i bits = _mm256_castps_si256(value);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    const __m256i high = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
  }
};

inline F32 operator+(F32 a, F32 b) {
  return _mm256_add_ps(a.v, b.v);
}
inline F32 operator-(F32 a, F32 b) {
  return _mm256_sub_ps(a.v, b.v);
}
inline F32 operator*(F32 a, F32 b) {
  return _mm256_mul_ps(a.v, b.v);
}
inline F32 operator/(F32 a, F32 b) {
  return _mm256_div_ps(a.v, b.v);
}
inline Mask operator<(F32 a, F32 b) {
  return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)};
}
inline Mask operator<=(F32 a, F32 b) {
  return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)};
}
inline Mask operator==(F32 a, F32 b) {
  return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)};
}

/// a · b + c
inline F32 fma(F32 a, F32 b, F32 c) {
  return _mm256_fmadd_ps(a.v, b.v, c.v);
}
/// The second operand where one is NaN.
inline F32 min(F32 a, F32 b) {
  return _mm256_min_ps(a.v, b.v);
}
inline F32 max(F32 a, F32 b) {
  return _mm256_max_ps(a.v, b.v);
}
inline F32 sqrt(F32 a) {
  return _mm256_sqrt_ps(a.v);
}
inline F32 abs(F32 a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v);
}
/// The larger of two numbers that are not negative; NaN where one is.
inline F32 max_magnitude(F32 a, F32 b) {
  return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a.v), _mm256_castps_si256(b.v)));
}
/// The magnitude of a with the sign of b.
inline F32 copysign(F32 a, F32 b) {
  return _mm256_or_ps(abs(a).v, _mm256_and_ps(_mm256_set1_ps(-0.0f), b.v));
}
/// To the nearest integer, ties to even.
inline F32 round(F32 a) {
  return _mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline F32 floor(F32 a) {
  return _mm256_floor_ps(a.v);
}
/// a · 2^n for an integral n between −252 and 254.
inline F32 scale_by_power_of_two(F32 a, F32 n) {
  // In two factors, so that results below the normal range and the largest ones come out right.
  const __m256i whole = _mm256_cvtps_epi32(n.v);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  const auto power = [](__m256i exponent) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
  };
  return a * F32(power(half)) * F32(power(_mm256_sub_epi32(whole, half)));
}
/// a where the mask is true, b elsewhere.
inline F32 select(Mask mask, F32 a, F32 b) {
  return _mm256_blendv_ps(b.v, a.v, mask.bits);
}
inline bool any(Mask mask) {
  return _mm256_movemask_ps(mask.bits) != 0;
}
inline bool all(Mask mask) {
  return _mm256_movemask_ps(mask.bits) == 0xff;
}

inline float reduce_add(F32 a) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}
inline float reduce_max(F32 a) {
  __m128 most = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  most = _mm_max_ps(most, _mm_movehl_ps(most, most));
  return _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
}
inline float reduce_min(F32 a) {
  __m128 least = _mm_min_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  least = _mm_min_ps(least, _mm_movehl_ps(least, least));
  return _mm_cvtss_f32(_mm_min_ss(least, _mm_movehdup_ps(least)));
}

inline void end_stream() {
  _mm_sfence();
}

/// 32-bit integers, as many as F32 has lanes.
struct I32 {
  __m256i v;

  I32() = default;
  I32(__m256i value) : v(value) {}                     // NOLINT(google-explicit-constructor)
  I32(int32_t value) : v(_mm256_set1_epi32(value)) {}  // NOLINT(google-explicit-constructor)

  static I32 load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  void store(void* p) const { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  /// From one byte a lane.
  static I32 load_u8(const void* p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))); }
  static I32 load_i8(const void* p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))); }
  /// The low byte of every lane.
  void store_low_bytes(void* p) const {
    const __m256i bytes =
        _mm256_shuffle_epi8(v, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8,
                                                12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m128i both = _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storel_epi64(static_cast<__m128i*>(p), both);
  }
};

inline I32 operator+(I32 a, I32 b) {
  return _mm256_add_epi32(a.v, b.v);
}
inline I32 operator-(I32 a, I32 b) {
  return _mm256_sub_epi32(a.v, b.v);
}
inline Mask operator==(I32 a, I32 b) {
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.v, b.v))};
}
inline I32 operator&(I32 a, I32 b) {
  return _mm256_and_si256(a.v, b.v);
}
inline I32 operator|(I32 a, I32 b) {
  return _mm256_or_si256(a.v, b.v);
}
template <int n>
inline I32 shift_left(I32 a) {
  return _mm256_slli_epi32(a.v, n);
}
/// Zeros come in from the left.
template <int n>
inline I32 shift_right(I32 a) {
  return _mm256_srli_epi32(a.v, n);
}
inline F32 to_f32(I32 a) {
  return _mm256_cvtepi32_ps(a.v);
}
inline F32 as_f32(I32 bits) {
  return _mm256_castsi256_ps(bits.v);
}
inline I32 as_i32(F32 bits) {
  return _mm256_castps_si256(bits.v);
}
/// The nearest integers, ties to even.
inline I32 to_i32(F32 a) {
  return _mm256_cvtps_epi32(a.v);
}
/// table[index & 15] of 16 numbers.
inline F32 look_up(const float* table, I32 index) {
  const __m256 first = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), index.v);
  const __m256 second = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), index.v);
  // The blend goes by the sign: bit 3 moved there.
  return _mm256_blendv_ps(first, second, _mm256_castsi256_ps(_mm256_slli_epi32(index.v, 28)));
}

}  // namespace mica::cpu::MICA_ISA_NS
