#pragma once

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

/// A vector of the values of a row of `cols` from `column` on, zeros behind the last.
inline F32 load_columns(const float* row, int64_t column, int64_t cols) {
  const int64_t left = cols - column;
  if (left >= F32::kLanes) return F32::load(row + column);
  return left > 0 ? F32::load(row + column, left) : F32(0.0f);
}

}  // namespace mica::cpu::MICA_ISA_NS
