#pragma once

// F32 with 16 lanes; included by simd.h.

#include <immintrin.h>

namespace mica::cpu::MICA_ISA_NS {

/// A truth value per lane.
struct Mask {
  __mmask16 bits;
  friend Mask operator&(Mask a, Mask b) { return {static_cast<__mmask16>(a.bits & b.bits)}; }
  friend Mask operator|(Mask a, Mask b) { return {static_cast<__mmask16>(a.bits | b.bits)}; }
};

struct F32 {
  static constexpr int kLanes = 16;
  __m512 v;

  F32() = default;
  F32(__m512 value) : v(value) {}                 // NOLINT(google-explicit-constructor)
  F32(float value) : v(_mm512_set1_ps(value)) {}  // NOLINT(google-explicit-constructor)

  // NOLINTNEXTLINE(clang-analyzer-core.BitwiseShift): n is from 0 to 16
  static __mmask16 first(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

  static F32 load(const float* p) { return _mm512_loadu_ps(p); }
  /// The first n lanes (0 … kLanes); the others are 0, and memory behind them is not touched.
  static F32 load(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store(float* p, int64_t n) const { _mm512_mask_storeu_ps(p, first(n), v); }
  /// Past the caches; p is aligned to the vector's size. end_stream() follows before another thread may read.
  void stream(float* p) const { _mm512_stream_ps(p, v); }

  static F32 load_f16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static F32 load_f16(const uint16_t* p, int64_t n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p)); }
  void store_f16(uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  void store_f16(uint16_t* p, int64_t n) const {
    _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }

  static F32 load_bf16(const uint16_t* p) {
    return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static F32 load_bf16(const uint16_t* p, int64_t n) { return widen_bf16(_mm256_maskz_loadu_epi16(first(n), p)); }
  void store_bf16(uint16_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow_bf16(v)); }
  void store_bf16(uint16_t* p, int64_t n) const { _mm256_mask_storeu_epi16(p, first(n), narrow_bf16(v)); }

  static F32 widen_bf16(__m256i bits) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  /// To nearest even; NaN stays NaN.
  static __m256i narrow_bf16(__m512 value) {
    const __m512i bits = _mm512_castps_si512(value);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, quiet), 16));
  }
};

inline F32 operator+(F32 a, F32 b) {
  return _mm512_add_ps(a.v, b.v);
}
inline F32 operator-(F32 a, F32 b) {
  return _mm512_sub_ps(a.v, b.v);
}
inline F32 operator*(F32 a, F32 b) {
  return _mm512_mul_ps(a.v, b.v);
}
inline F32 operator/(F32 a, F32 b) {
  return _mm512_div_ps(a.v, b.v);
}
inline Mask operator<(F32 a, F32 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)};
}
inline Mask operator<=(F32 a, F32 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)};
}
inline Mask operator==(F32 a, F32 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)};
}

/// a · b + c
inline F32 fma(F32 a, F32 b, F32 c) {
  return _mm512_fmadd_ps(a.v, b.v, c.v);
}
/// The second operand where one is NaN.
inline F32 min(F32 a, F32 b) {
  return _mm512_min_ps(a.v, b.v);
}
inline F32 max(F32 a, F32 b) {
  return _mm512_max_ps(a.v, b.v);
}
inline F32 sqrt(F32 a) {
  return _mm512_sqrt_ps(a.v);
}
inline F32 abs(F32 a) {
  return _mm512_abs_ps(a.v);
}
/// The larger of two numbers that are not negative; NaN where one is.
inline F32 max_magnitude(F32 a, F32 b) {
  return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)));
}
/// The magnitude of a with the sign of b.
inline F32 copysign(F32 a, F32 b) {
  const __m512i sign = _mm512_set1_epi32(static_cast<int>(0x80000000u));
  // Truth table 0xca: bits of b where `sign` is set, bits of a elsewhere.
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(sign, _mm512_castps_si512(b.v), _mm512_castps_si512(a.v), 0xca));
}
/// To the nearest integer, ties to even.
inline F32 round(F32 a) {
  return _mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline F32 floor(F32 a) {
  return _mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
/// a · 2^n for an integral n.
inline F32 scale_by_power_of_two(F32 a, F32 n) {
  return _mm512_scalef_ps(a.v, n.v);
}
/// a where the mask is true, b elsewhere.
inline F32 select(Mask mask, F32 a, F32 b) {
  return _mm512_mask_mov_ps(b.v, mask.bits, a.v);
}
inline bool any(Mask mask) {
  return mask.bits != 0;
}
inline bool all(Mask mask) {
  return mask.bits == 0xffff;
}

inline float reduce_add(F32 a) {
  return _mm512_reduce_add_ps(a.v);
}
inline float reduce_max(F32 a) {
  return _mm512_reduce_max_ps(a.v);
}
inline float reduce_min(F32 a) {
  return _mm512_reduce_min_ps(a.v);
}

inline void end_stream() {
  _mm_sfence();
}

/// 32-bit integers, as many as F32 has lanes.
struct I32 {
  __m512i v;

  I32() = default;
  I32(__m512i value) : v(value) {}                     // NOLINT(google-explicit-constructor)
  I32(int32_t value) : v(_mm512_set1_epi32(value)) {}  // NOLINT(google-explicit-constructor)

  static I32 load(const void* p) { return _mm512_loadu_si512(p); }
  void store(void* p) const { _mm512_storeu_si512(p, v); }
  /// From one byte a lane.
  static I32 load_u8(const void* p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))); }
  static I32 load_i8(const void* p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))); }
  /// The low byte of every lane.
  void store_low_bytes(void* p) const { _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v)); }
};

inline I32 operator+(I32 a, I32 b) {
  return _mm512_add_epi32(a.v, b.v);
}
inline I32 operator-(I32 a, I32 b) {
  return _mm512_sub_epi32(a.v, b.v);
}
inline Mask operator==(I32 a, I32 b) {
  return {_mm512_cmpeq_epi32_mask(a.v, b.v)};
}
inline I32 operator&(I32 a, I32 b) {
  return _mm512_and_si512(a.v, b.v);
}
inline I32 operator|(I32 a, I32 b) {
  return _mm512_or_si512(a.v, b.v);
}
template <int n>
inline I32 shift_left(I32 a) {
  return _mm512_slli_epi32(a.v, n);
}
/// Zeros come in from the left.
template <int n>
inline I32 shift_right(I32 a) {
  return _mm512_srli_epi32(a.v, n);
}
inline F32 to_f32(I32 a) {
  return _mm512_cvtepi32_ps(a.v);
}
inline F32 as_f32(I32 bits) {
  return _mm512_castsi512_ps(bits.v);
}
inline I32 as_i32(F32 bits) {
  return _mm512_castps_si512(bits.v);
}
/// The nearest integers, ties to even.
inline I32 to_i32(F32 a) {
  return _mm512_cvtps_epi32(a.v);
}
/// table[index & 15] of 16 numbers.
inline F32 look_up(const float* table, I32 index) {
  return _mm512_permutexvar_ps(index.v, _mm512_loadu_ps(table));
}

}  // namespace mica::cpu::MICA_ISA_NS
