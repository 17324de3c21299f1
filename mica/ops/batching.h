#pragma once

#include <vector>

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

/// For batching rules (Primitive::vmap) of primitives whose leading axes are a batch: every input with its batch axis
/// (`axes`, −1 for none) moved to the front, inputs without one repeated along a new front axis.
std::vector<array> batched_first(const std::vector<array>& inputs, const std::vector<int>& axes, Stream stream);

}  // namespace mica
