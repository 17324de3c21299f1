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

/// Output of the tile's rows first_row … first_row + M − 1 from their sums (PanelProduct::y), from column `column` on,
/// of which `columns` are left.
template <int M>
inline void store_rows(const PanelProduct& product, const F32 (&acc)[M], int64_t column, int64_t columns,
                       int first_row) {
  const int64_t count = columns < F32::kLanes ? columns : F32::kLanes;
  const F32 bias = product.bias ? F32::load(product.bias + column, count) : F32(0.0f);
  const F32 scale = product.scale;
  const F32 factor = product.factor;
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    // One or two digits: what is left and what is whole are a shift and a mask.
    const int row = first_row + m;
    const int64_t at = (row >> (product.digits - 1)) * product.y_stride + column;
    float* y = product.y + at;
    if ((row & (product.digits - 1)) != 0) {
      store_columns(fma(acc[m] * factor, scale, F32::load(y, count)), y, count);
      continue;
    }
    F32 value = fma(acc[m], factor, bias);
    if (product.residual) value = fma(value, scale, F32::load(product.residual + at, count));
    store_columns(value, y, count);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
