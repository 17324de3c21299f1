#include "mica/cpu/small_float.h"

#include <bit>
#include <cmath>
#include <limits>

namespace mica::cpu {

uint8_t float_to_e4m3(float value) {
  const auto sign = static_cast<uint8_t>(std::signbit(value) ? 0x80 : 0);
  const float magnitude = std::fabs(value);
  if (!(magnitude < 448.0f)) return sign | 0x7e;
  if (magnitude < 0x1p-6f) {
    // Subnormals are multiples of 2^-9; rounding up to 8 of them gives the first normal number by itself.
    return sign | static_cast<uint8_t>(std::nearbyint(magnitude * 0x1p9f));
  }
  const uint32_t bits = std::bit_cast<uint32_t>(magnitude);
  const uint32_t rounded = bits + 0x7ffff + ((bits >> 20) & 1);
  return sign | static_cast<uint8_t>((rounded >> 20) - (120 << 3));
}

float e4m3_to_float(uint8_t bits) {
  if ((bits & 0x7f) == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  // The exponent field lands 120 too low; the product also makes subnormals right.
  const float magnitude = std::bit_cast<float>(static_cast<uint32_t>(bits & 0x7f) << 20) * 0x1p120f;
  return (bits & 0x80) ? -magnitude : magnitude;
}

float e8m0_to_float(uint8_t bits) {
  if (bits == 0) return 0x1p-127f;
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 23);
}

float half_e8m0_to_float(uint8_t bits) {
  if (bits < 2) return std::bit_cast<float>(0x00200000u << bits);
  return std::bit_cast<float>(static_cast<uint32_t>(bits - 1) << 23);
}

uint8_t float_to_e2m1(float value) {
  const auto sign = static_cast<uint8_t>(std::signbit(value) ? 8 : 0);
  const float magnitude = std::fabs(value);
  uint8_t code = 7;
  // Half-way points go to the even code.
  if (magnitude <= 0.25f)
    code = 0;
  else if (magnitude < 0.75f)
    code = 1;
  else if (magnitude <= 1.25f)
    code = 2;
  else if (magnitude < 1.75f)
    code = 3;
  else if (magnitude <= 2.5f)
    code = 4;
  else if (magnitude < 3.5f)
    code = 5;
  else if (magnitude <= 5.0f)
    code = 6;
  return sign | code;
}

}  // namespace mica::cpu
