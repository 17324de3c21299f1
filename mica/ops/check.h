#pragma once

#include <string_view>
#include <vector>

#include "mica/array/array.h"

namespace mica {

// What shape rules check: the inputs and fields of a primitive can also come from a file. All throw
// std::invalid_argument starting with "[op]".

/// There are `count` inputs.
void check_count(const std::vector<array>& inputs, size_t count, std::string_view op);

/// The axis counts from the front and is one of the array's.
void check_axis(int axis, const array& a, std::string_view op);

/// So do all axes, each named once.
void check_axes(const std::vector<int>& axes, const array& a, std::string_view op);

/// The array has at least `count` axes.
void check_ndim(const array& a, size_t count, std::string_view op);

/// The array has that shape; that dtype.
void check_shape(const array& a, const Shape& wanted, std::string_view op);
void check_dtype(const array& a, Dtype wanted, std::string_view op);

/// The array's dtype belongs to the category.
void check_category(const array& a, Dtype::Category category, std::string_view op);

/// Index arrays as kernels read them: int64, and of one shape, the inputs from number `first` on.
void check_indices(const std::vector<array>& inputs, size_t first, std::string_view op);

/// A part of `part` elements from `start` on in steps of `stride` lies within an axis of `length`.
void check_part(ShapeElem start, ShapeElem part, ShapeElem stride, ShapeElem length, std::string_view op);

}  // namespace mica
