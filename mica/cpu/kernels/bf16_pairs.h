#pragma once

// Products of pairs of bfloat16 numbers, one pair a lane, the first one in the low half; for files with AVX512-BF16.

#include <cstdint>

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

/// sum + Σ pairs · x, the same pair of x for all lanes.
inline void add_pairs(__m512& sum, __m512i pairs, const uint32_t* x) {
  // With the broadcast inside of the instruction, see dot4 (simd_bytes.h).
  asm("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(pairs), "m"(*x));
}

inline void add_pairs(__m512& sum, __m512i pairs, __m512i x) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(pairs), "v"(x));
}

/// Two vectors as pairs, rounded (halves away from zero): integer operations that leave multipliers free, and no
/// shuffle.
inline __m512i make_pairs(F32 first, F32 second) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i low = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(first.v), half), 16);
  const __m512i high = _mm512_add_epi32(_mm512_castps_si512(second.v), half);
  constexpr int kSelect = 0xb8;  // bits of the third where the second has ones, otherwise of the first
  return _mm512_ternarylogic_epi32(high, _mm512_set1_epi32(0xffff), low, kSelect);
}

}  // namespace mica::cpu::MICA_ISA_NS
