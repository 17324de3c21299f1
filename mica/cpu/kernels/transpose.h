#pragma once

#include "mica/cpu/kernels/simd.h"

#if defined(__AVX512F__)
#include "mica/cpu/kernels/transpose_avx512.h"
#endif

namespace mica::cpu::MICA_ISA_NS {

#if defined(__AVX512F__)

/// Columns of a block in place of its rows.
inline void transpose(F32 (&rows)[F32::kLanes]) {
  __m512i bits[F32::kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < F32::kLanes; ++i) bits[i] = _mm512_castps_si512(rows[i].v);
  transpose(bits);
#pragma GCC unroll 16
  for (int i = 0; i < F32::kLanes; ++i) rows[i] = _mm512_castsi512_ps(bits[i]);
}

#elif defined(__AVX2__)

/// Columns of a block in place of its rows.
inline void transpose(F32 (&rows)[F32::kLanes]) {
  __m256 pairs[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(rows[i].v, rows[i + 1].v);
    pairs[i + 1] = _mm256_unpackhi_ps(rows[i].v, rows[i + 1].v);
  }
  // Half h of fours[4g + c] is column 4h + c of rows 4g … 4g + 3.
  __m256 fours[8];
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
    fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
    fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
    fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    rows[c] = _mm256_permute2f128_ps(fours[c], fours[4 + c], 0x20);
    rows[4 + c] = _mm256_permute2f128_ps(fours[c], fours[4 + c], 0x31);
  }
}

#else

/// Columns of a block in place of its rows.
inline void transpose(F32 (&rows)[F32::kLanes]) {
  for (int i = 0; i < F32::kLanes; ++i) {
    for (int j = 0; j < i; ++j) {
      const float other = rows[i].v[j];
      rows[i].v[j] = rows[j].v[i];
      rows[j].v[i] = other;
    }
  }
}

#endif

}  // namespace mica::cpu::MICA_ISA_NS
