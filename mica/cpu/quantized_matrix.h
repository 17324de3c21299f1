#pragma once

#include <cstdint>
#include <span>

#include "mica/ops/quant_format.h"

namespace mica::cpu {

/// A view of a stored weight matrix [rows, cols], row-major, in any format. Owns nothing.
struct QuantizedMatrix {
  QuantFormat format;
  int64_t rows = 0;
  int64_t cols = 0;
  const void* codes = nullptr;   ///< rows × format.row_bytes(cols) bytes, any alignment
  const void* scales = nullptr;  ///< MLX kinds: [rows, cols / group_size] of format.scale_type
  const void* biases = nullptr;  ///< affine: as scales
  /// Multiplies every value: nvfp4's global scale divided by 448 · 6, else 1.
  float factor = 1.0f;
};

/// Values of one row in f32: out[0 … cols). ggml kinds equal `gguf`'s dequantize bit for bit, MLX kinds equal
/// mx.dequantize in f32 (affine: code · scale rounded, then + bias rounded).
/// Errors: row out of range (std::out_of_range), shape that the format does not allow (Error).
void dequantize_row(const QuantizedMatrix& matrix, int64_t row, float* out);

/// Embedding lookup straight from the stored bytes: out[i, :] = row rows[i], out is [rows.size(), cols] contiguous.
void dequantize_rows(const QuantizedMatrix& matrix, std::span<const int64_t> rows, float* out);

}  // namespace mica::cpu
