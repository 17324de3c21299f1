#pragma once

#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/ops/common.h"

namespace mica {

// What the primitives of ops/fast.h that have kernels of their own share.

/// What the kernels compute in: float32, but float64 is computed by the operations that specify the primitive.
inline Dtype compute_dtype(const array& x) {
  return x.dtype() == float64 ? float64 : float32;
}

/// The primitive P's node, or its operations where there is no kernel.
template <typename P, typename... Args>
array apply_fused(std::vector<array> inputs, StreamOrDevice s, Args&&... args) {
  if (inputs[0].dtype() == float64) return P(to_stream(s), std::forward<Args>(args)...).expand(inputs)[0];
  return apply<P>(std::move(inputs), to_stream(s), std::forward<Args>(args)...);
}

}  // namespace mica
