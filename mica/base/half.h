#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace mica {

/// IEEE half precision to float, exactly.
constexpr float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t magnitude = h & 0x7fffu;
  if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  if (magnitude >= 0x0400u) return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
  // Subnormal: magnitude · 2^-24.
  const float value = static_cast<float>(magnitude) * 0x1p-24f;
  return sign ? -value : value;
}

/// Float to IEEE half precision, rounding to nearest even; overflow gives infinity.
constexpr uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    // Below the normal range, adding 0.5 leaves the rounded half in the low bits of the sum's mantissa.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

/// bfloat16 to float, exactly.
constexpr float bfloat_to_float(uint16_t b) {
  return std::bit_cast<float>(static_cast<uint32_t>(b) << 16);
}

/// Float to bfloat16, rounding to nearest even.
constexpr uint16_t float_to_bfloat(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// Half precision as a value: arithmetic happens in float, assignment rounds.
struct float16_t {
  uint16_t bits = 0;
  constexpr float16_t() = default;
  constexpr float16_t(float value) : bits(float_to_half(value)) {}  // NOLINT(google-explicit-constructor)
  constexpr operator float() const { return half_to_float(bits); }  // NOLINT(google-explicit-constructor)
};

/// bfloat16 as a value: arithmetic happens in float, assignment rounds.
struct bfloat16_t {
  uint16_t bits = 0;
  constexpr bfloat16_t() = default;
  constexpr bfloat16_t(float value) : bits(float_to_bfloat(value)) {}  // NOLINT(google-explicit-constructor)
  constexpr operator float() const { return bfloat_to_float(bits); }   // NOLINT(google-explicit-constructor)
};

}  // namespace mica
