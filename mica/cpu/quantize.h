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
/// weights come from.
///   affine        half away from zero; the group's maximum is never below 0
///   mxfp4, mxfp8  the scale is the least power of two not below amax / largest element (MLX 0.32; before that, the
///                 nearest one), elements to nearest even
///   nvfp4         e4m3 scale of amax / 6; `global_scale` is MLX's optional float32 scalar G (0: none), with which
///                 values count 448 · 6 / G times
/// An Error when the format is not an MLX kind or `cols` is not a multiple of its group size.
void quantize_row(const QuantFormat& format, const float* values, int64_t cols, const QuantizedRow& out,
                  float global_scale = 0.0f);

}  // namespace mica::cpu
