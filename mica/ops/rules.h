#pragma once

#include <utility>
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

/// `a` repeated to the shape of `like`, also when that is another one each time a trace is replayed.
array broadcast_like(const array& a, const array& like, StreamOrDevice s);

/// The sum of the arrays, of which there is at least one.
array sum_of(const std::vector<array>& terms, StreamOrDevice s);

/// What a batching rule gives: outputs and their batch axes.
using Batched = std::pair<std::vector<array>, std::vector<int>>;

/// The length of the batch axis.
ShapeElem batch_size(const std::vector<array>& inputs, const std::vector<int>& axes);

/// The input with its batch axis in front; the input itself without one.
array batch_first(const array& a, int axis, StreamOrDevice s);

/// The inputs with a batch axis of the common size in front, repeated where they have none.
std::vector<array> batches(const std::vector<array>& inputs, const std::vector<int>& axes, StreamOrDevice s);

/// The inputs, of one shape but for it, with their batch axes all at the same place, repeated where they have none;
/// `axis` becomes that place.
std::vector<array> aligned(const std::vector<array>& inputs, const std::vector<int>& axes, int& axis, StreamOrDevice s);

/// The axes as they are numbered once a batch axis has come in at `batch_axis`.
int behind_batch(int axis, int batch_axis);
std::vector<int> behind_batch(std::vector<int> axes, int batch_axis);

/// `shape` with the batch axis in front.
Shape with_batch(const Shape& shape, ShapeElem size);

}  // namespace mica
