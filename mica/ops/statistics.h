#pragma once

#include <optional>
#include <tuple>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

/// How many elements are not zero (int32); NaN is not.
array count_nonzero(const array& a, bool keepdims = false, StreamOrDevice s = {});
array count_nonzero(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});
array count_nonzero(const array& a, const std::vector<int>& axes, bool keepdims = false, StreamOrDevice s = {});

/// The middle of the sorted elements, of an even number the mean of the middle two; NaN if there is one. Integers give
/// float32. Throws std::invalid_argument for complex numbers or when there are no elements.
array median(const array& a, bool keepdims, StreamOrDevice s = {});
inline array median(const array& a, StreamOrDevice s = {}) {
  return median(a, false, s);
}
array median(const array& a, const std::vector<int>& axes, bool keepdims = false, StreamOrDevice s = {});
array median(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The smallest and the largest element.
std::tuple<array, array> minmax(const array& a, bool keepdims, StreamOrDevice s = {});
inline std::tuple<array, array> minmax(const array& a, StreamOrDevice s = {}) {
  return minmax(a, false, s);
}
std::tuple<array, array> minmax(const array& a, const std::vector<int>& axes, bool keepdims = false,
                                StreamOrDevice s = {});
std::tuple<array, array> minmax(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// The `size` smallest different elements, ascending; places beyond the last one hold `fill_value` (default: the first
/// of them). Then, as asked: the index (uint32) of each one's first occurrence in the flattened array; for every
/// element of `a` the place of its value (uint32, the last one for values that were cut off); how often each one
/// occurs (int32, 0 for filled places). NaNs are all different. Throws std::invalid_argument for a negative size, or
/// an empty array and no fill value.
std::vector<array> unique(const array& a, int size, bool return_index = false, bool return_inverse = false,
                          bool return_counts = false, const std::optional<array>& fill_value = std::nullopt,
                          StreamOrDevice s = {});

}  // namespace mica
