#pragma once

#include <cstdint>

#include "mica/ops/quant_format.h"

namespace mica::cpu {

/// Where quantize_row writes: the row's codes (format.row_bytes(cols) bytes), scales and (affine) biases.
struct QuantizedRow {
  void* codes = nullptr;
  void* scales = nullptr;
  void* biases = nullptr;
};

/// Quantizes one row of f32 values to an MLX kind, with the roundings of MLX's Metal kernels: those that published
/// weights come from. affine: half away from zero, the group's maximum never below 0. mxfp4, mxfp8: scale exponent
/// round(log2(amax / largest element)), elements to nearest even. nvfp4: e4m3 scale of amax / 6; `global_scale` is
/// MLX's optional float32 scalar G (0: none), by which elements are encoded relative to 448 · 6 / G.
/// An Error when the format is not an MLX kind or `cols` is not a multiple of its group size.
void quantize_row(const QuantFormat& format, const float* values, int64_t cols, const QuantizedRow& out,
                  float global_scale = 0.0f);

/// e4m3fn of a value, to nearest even; beyond ±448 and NaN give ±448.
uint8_t float_to_e4m3(float value);
/// The value of an e4m3fn byte (0x7f and 0xff are NaN).
float e4m3_to_float(uint8_t bits);
/// The value of an e8m0 scale: 2^(bits − 127).
float e8m0_to_float(uint8_t bits);
/// e2m1 code (sign in bit 3) of a value, to nearest even, clamped to ±6; NaN gives 6.
uint8_t float_to_e2m1(float value);

}  // namespace mica::cpu
