#pragma once

#include <immintrin.h>

// Lanes of 32 bits moved about: transposed blocks, and pairs of 16-bit integers. For kernel files of AVX-512 (see
// simd.h for the namespace).

namespace mica::cpu::MICA_ISA_NS {

/// Two vectors of integers below 2^15 in magnitude, each in the last bits of its lanes, as pairs.
inline __m512i join(__m512i first, __m512i second) {
  return _mm512_mask_blend_epi16(0xaaaaaaaau, first, _mm512_slli_epi32(second, 16));
}

/// Columns of a 16 × 16 block of 32-bit elements in place of its rows.
inline void transpose(__m512i (&r)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  // Block b of u[4g + c] is column 4b + c of rows 4g … 4g + 3.
  __m512i u[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i upper_even = _mm512_shuffle_i32x4(u[c], u[4 + c], 0x88);
    const __m512i upper_odd = _mm512_shuffle_i32x4(u[c], u[4 + c], 0xdd);
    const __m512i lower_even = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0x88);
    const __m512i lower_odd = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0xdd);
    r[c] = _mm512_shuffle_i32x4(upper_even, lower_even, 0x88);
    r[4 + c] = _mm512_shuffle_i32x4(upper_odd, lower_odd, 0x88);
    r[8 + c] = _mm512_shuffle_i32x4(upper_even, lower_even, 0xdd);
    r[12 + c] = _mm512_shuffle_i32x4(upper_odd, lower_odd, 0xdd);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
