#pragma once

#include <cstdint>

namespace mica::cpu {

/// e4m3fn of a value, to nearest even; beyond ±448 and NaN give ±448.
uint8_t float_to_e4m3(float value);
/// The value of an e4m3fn byte (0x7f and 0xff are NaN).
float e4m3_to_float(uint8_t bits);
/// The value of an e8m0 scale: 2^(bits − 127).
float e8m0_to_float(uint8_t bits);
/// Half of it, without overflow for 255: 2^(bits − 128).
float half_e8m0_to_float(uint8_t bits);
/// e2m1 code (sign in bit 3) of a value, to nearest even, clamped to ±6; NaN gives 6.
uint8_t float_to_e2m1(float value);

}  // namespace mica::cpu
