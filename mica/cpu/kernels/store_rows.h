#pragma once

// Writes the sums of a block of panel rows to the output.

#include "mica/cpu/kernels/panel.h"
#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

/// Stores all lanes, or the first `count` of them.
inline void store_columns(F32 value, float* y, int64_t count) {
  if (count == F32::kLanes) {
    value.store(y);
  } else {
    value.store(y, count);
  }
}

/// Brings what store_rows will read and write into the cache: a line of each of many rows, which the processor does not
/// foresee (a third of the time of store_rows and more went into waiting for residuals).
inline void fetch_rows(const PanelProduct& product, int rows, int64_t column, int64_t columns) {
  constexpr int64_t kLine = 16;  // floats
  for (int row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < columns; i += kLine) {
      const int64_t at = row * product.y_stride + column + i;
      __builtin_prefetch(product.y + at, 1);
      if (product.residual) __builtin_prefetch(product.residual + at);
    }
  }
}

/// Output of a tile's rows (PanelProduct::y) from their sums, `stride` floats apart, from column `column` on, of which
/// `columns` are left.
inline void store_rows(const PanelProduct& product, int rows, const float* sums, int stride, int64_t column,
                       int64_t columns) {
  const int64_t count = columns < F32::kLanes ? columns : F32::kLanes;
  const F32 bias = product.bias ? F32::load(product.bias + column, count) : F32(0.0f);
  const F32 scale = product.scale;
  const F32 factor = product.factor;
  for (int row = 0; row < rows; ++row) {
    const int64_t at = row * product.y_stride + column;
    F32 value = fma(F32::load(sums + row * stride), factor, bias);
    if (product.residual) value = fma(value, scale, F32::load(product.residual + at, count));
    store_columns(value, product.y + at, count);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
