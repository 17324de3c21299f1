#pragma once

#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

// What the gradient, tangent and batching rules of primitives are written with.

/// A scalar of the array's dtype.
array constant_like(double value, const array& a);

/// Sums a cotangent over the axes along which an array of `shape` was broadcast.
array sum_to_shape(const array& cotangent, const Shape& shape, StreamOrDevice s);

/// The sum of the arrays, of which there is at least one.
array sum_of(const std::vector<array>& terms, StreamOrDevice s);

}  // namespace mica
