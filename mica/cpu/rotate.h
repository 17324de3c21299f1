#pragma once

#include <algorithm>
#include <cstdint>

#include "mica/cpu/kernels/elementwise.h"

namespace mica::cpu {

/// Rotary position embedding of one row of `width` features, of which the first 2 · half turn: pairs (i, i + half), or
/// (2i, 2i + 1) if traditional. x and out do not overlap.
inline void rotate_row(const float* x, const float* cosine, const float* sine, float* out, int64_t half, int64_t width,
                       bool traditional) {
  const RowKernels& kernels = row_kernels();
  (traditional ? kernels.rotate_pairs : kernels.rotate_halves)(x, cosine, sine, out, half);
  std::copy(x + 2 * half, x + width, out + 2 * half);
}

}  // namespace mica::cpu
