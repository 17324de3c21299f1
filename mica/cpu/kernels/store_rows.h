#pragma once

// Writes the sums of a block of panel rows to the output.

#include "mica/cpu/kernels/panel.h"
#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

/// y[first_row + m, column …] = factor · acc[m] (+ bias); `columns` are left in the output.
template <int M>
inline void store_rows(const PanelProduct& product, const F32 (&acc)[M], int64_t column, int64_t columns,
                       int first_row) {
  const int64_t count = columns < F32::kLanes ? columns : F32::kLanes;
  const F32 bias = product.bias ? F32::load(product.bias + column, count) : F32(0.0f);
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    float* y = product.y + (first_row + m) * product.y_stride + column;
    const F32 value = fma(acc[m], F32(product.factor), bias);
    if (count == F32::kLanes) {
      value.store(y);
    } else {
      value.store(y, count);
    }
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
