#pragma once

#include <algorithm>
#include <cstdint>

#include "mica/cpu/kernels/elementwise.h"

namespace mica::cpu {

/// Rotary position embedding of one row of `width` features, of which the first 2 · half turn: pairs (i, i + half), or
/// (2i, 2i + 1) if traditional. x and out do not overlap.
inline void rotate_row(const float* x, const float* cosine, const float* sine, float* out, int64_t half, int64_t width,
                       bool traditional) {
  if (traditional) {
    for (int64_t i = 0; i < half; ++i) {
      const float a = x[2 * i];
      const float b = x[2 * i + 1];
      out[2 * i] = a * cosine[i] - b * sine[i];
      out[2 * i + 1] = b * cosine[i] + a * sine[i];
    }
  } else {
    row_kernels().rotate_halves(x, cosine, sine, out, half);
  }
  std::copy(x + 2 * half, x + width, out + 2 * half);
}

}  // namespace mica::cpu
