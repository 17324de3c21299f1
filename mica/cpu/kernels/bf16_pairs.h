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

/// Two vectors as pairs, rounded (halves away from zero): integer operations leave multipliers free, and constants in
/// memory leave the registers that the kernel's loop needs.
inline __m512i make_pairs(F32 first, F32 second) {
  static constexpr uint32_t kHalf = 0x8000;
  static constexpr uint32_t kLow = 0xffff;
  const auto rounded = [](F32 value) {
    __m512i sum;
    asm("vpaddd %2%{1to16%}, %1, %0" : "=v"(sum) : "v"(_mm512_castps_si512(value.v)), "m"(kHalf));
    return sum;
  };
  __m512i pairs = _mm512_srli_epi32(rounded(first), 16);
  // Bits of the second where the constant has zeros.
  asm("vpternlogd $0xe4, %2%{1to16%}, %1, %0" : "+v"(pairs) : "v"(rounded(second)), "m"(kLow));
  return pairs;
}

}  // namespace mica::cpu::MICA_ISA_NS
