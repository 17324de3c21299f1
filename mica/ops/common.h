#pragma once

#include <numeric>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/stream.h"
#include "mica/ops/shape.h"

namespace mica {

// What several families of operations are written with.

/// 0, 1 … ndim − 1.
inline std::vector<int> all_axes(const array& a) {
  std::vector<int> axes(a.ndim());
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

/// The dtype itself if it is floating-point or complex, else float32.
inline Dtype at_least_float(Dtype dtype) {
  return issubdtype(dtype, inexact) ? dtype : float32;
}

/// The matrices of the last two axes transposed.
inline array transposed(const array& a, StreamOrDevice s) {
  return swapaxes(a, -1, -2, s);
}

}  // namespace mica
