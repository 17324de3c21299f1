#pragma once

// Conversions of single halves for kernel files: those of mica/base/half.h again, in the namespace of the instruction
// set (see simd.h for why).

#include <cstdint>

namespace mica::cpu::MICA_ISA_NS {

inline float bits_to_f32(uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}
inline uint32_t f32_to_bits(float value) {
  return __builtin_bit_cast(uint32_t, value);
}

/// 2^n for n from −126 to 127.
inline float power_of_two(int n) {
  return bits_to_f32(static_cast<uint32_t>(n + 127) << 23);
}

inline float f16_to_f32(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t magnitude = h & 0x7fffu;
  if (magnitude >= 0x7c00u) return bits_to_f32(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  if (magnitude >= 0x0400u) return bits_to_f32(sign | ((magnitude << 13) + 0x38000000u));
  const float value = static_cast<float>(magnitude) * 0x1p-24f;
  return sign ? -value : value;
}

/// To nearest even.
inline uint16_t f32_to_f16(float value) {
  const uint32_t bits = f32_to_bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    // Below the normal range, adding 0.5 leaves the rounded half in the low bits of the sum's mantissa.
    return static_cast<uint16_t>(sign | (f32_to_bits(bits_to_f32(magnitude) + 0.5f) - 0x3f000000u));
  }
  return static_cast<uint16_t>(sign | ((magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13));
}

inline float bf16_to_f32(uint16_t b) {
  return bits_to_f32(static_cast<uint32_t>(b) << 16);
}

/// To nearest even; NaN stays NaN.
inline uint16_t f32_to_bf16(float value) {
  const uint32_t bits = f32_to_bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace mica::cpu::MICA_ISA_NS
