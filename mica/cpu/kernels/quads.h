#pragma once

// Quads of four rows: vectors of bytes whose 128-bit lane i holds quad i (four columns) of four rows, one behind the
// other, as tiles of activations have them side by side.

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

struct Quads {
  static constexpr int kRows = 4;
  static constexpr int kCount = F32::kLanes / 4;  ///< of a row

#if defined(__AVX512F__)
  __m512i v;
#elif defined(__AVX2__)
  __m256i v;
#else
  int8_t v[4 * kRows];
#endif

  /// From numbers of each row; those beyond int8 become the nearest one that it has.
  static Quads pack(const I32 (&rows)[kRows]);

  /// Quad i of all rows to out + i · stride.
  void store(int8_t* out, int64_t stride) const;

  /// The sums of each quad: lane 4 · i + row.
  I32 sums() const;
};

/// The sum of every fourth lane: out[row] of what Quads::sums gives.
inline void add_up_quads(I32 sums, int32_t (&out)[Quads::kRows]);

#if defined(__AVX512F__)

inline Quads Quads::pack(const I32 (&rows)[kRows]) {
  return {_mm512_packs_epi16(_mm512_packs_epi32(rows[0].v, rows[1].v), _mm512_packs_epi32(rows[2].v, rows[3].v))};
}
inline void Quads::store(int8_t* out, int64_t stride) const {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_castsi512_si128(v));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + stride), _mm512_extracti32x4_epi32(v, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * stride), _mm512_extracti32x4_epi32(v, 2));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 3 * stride), _mm512_extracti32x4_epi32(v, 3));
}
inline I32 Quads::sums() const {
  return _mm512_madd_epi16(_mm512_maddubs_epi16(_mm512_set1_epi8(1), v), _mm512_set1_epi16(1));
}
inline void add_up_quads(I32 sums, int32_t (&out)[Quads::kRows]) {
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(sums.v), _mm512_extracti64x4_epi64(sums.v, 1));
  const __m128i all = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), all);
}

#elif defined(__AVX2__)

inline Quads Quads::pack(const I32 (&rows)[kRows]) {
  return {_mm256_packs_epi16(_mm256_packs_epi32(rows[0].v, rows[1].v), _mm256_packs_epi32(rows[2].v, rows[3].v))};
}
inline void Quads::store(int8_t* out, int64_t stride) const {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(v));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + stride), _mm256_extracti128_si256(v, 1));
}
inline I32 Quads::sums() const {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), v), _mm256_set1_epi16(1));
}
inline void add_up_quads(I32 sums, int32_t (&out)[Quads::kRows]) {
  const __m128i all = _mm_add_epi32(_mm256_castsi256_si128(sums.v), _mm256_extracti128_si256(sums.v, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), all);
}

#else

inline Quads Quads::pack(const I32 (&rows)[kRows]) {
  Quads out;
  for (int i = 0; i < 4 * kRows; ++i) {
    const int32_t value = rows[i / 4].v[i % 4];
    out.v[i] = static_cast<int8_t>(value < -128 ? -128 : value > 127 ? 127 : value);
  }
  return out;
}
inline void Quads::store(int8_t* out, int64_t) const {
  __builtin_memcpy(out, v, sizeof(v));
}
inline I32 Quads::sums() const {
  return I32::make([&](int row) { return v[4 * row] + v[4 * row + 1] + v[4 * row + 2] + v[4 * row + 3]; });
}
inline void add_up_quads(I32 sums, int32_t (&out)[Quads::kRows]) {
  sums.store(out);
}

#endif

}  // namespace mica::cpu::MICA_ISA_NS
