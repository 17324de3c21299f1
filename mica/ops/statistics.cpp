#include "mica/ops/statistics.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/common.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica {
namespace {

array nonzero(const array& a, StreamOrDevice s) {
  return astype(not_equal(a, array(0, a.dtype()), s), int32, s);
}

/// The array with the axes moved behind the others and merged into one; `kept` is its shape with those axes at 1.
array merged_last(const array& a, const std::vector<int>& axes, Shape& kept, StreamOrDevice s) {
  std::vector<bool> merged(a.ndim(), false);
  kept = a.shape();
  for (const int axis : axes) {
    const auto at = static_cast<size_t>(normalize_axis(axis, a.ndim(), "median"));
    if (merged[at]) fail_as<std::invalid_argument>("[median] axis {} is named twice", axis);
    merged[at] = true;
    kept[at] = 1;
  }
  std::vector<int> order;
  Shape shape;
  ShapeElem length = 1;
  for (const bool last : {false, true}) {
    for (size_t i = 0; i < a.ndim(); ++i) {
      if (merged[i] != last) continue;
      order.push_back(static_cast<int>(i));
      if (last) {
        length *= a.shape()[i];
      } else {
        shape.push_back(a.shape()[i]);
      }
    }
  }
  shape.push_back(length);
  return reshape(transpose(a, order, s), shape, s);
}

}  // namespace

array count_nonzero(const array& a, bool keepdims, StreamOrDevice s) {
  return sum(nonzero(a, s), keepdims, s);
}
array count_nonzero(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return sum(nonzero(a, s), axis, keepdims, s);
}
array count_nonzero(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  return sum(nonzero(a, s), axes, keepdims, s);
}

array median(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  if (a.dtype() == complex64) fail_as<std::invalid_argument>("[median] complex numbers have no middle");
  const Dtype dtype = issubdtype(a.dtype(), floating) ? a.dtype() : float32;
  Shape kept;
  const array rows = merged_last(a, axes, kept, s);
  const auto n = static_cast<int>(rows.shape(-1));
  if (n == 0) fail_as<std::invalid_argument>("[median] an empty axis has no middle");
  const array sorted = sort(rows, -1, s);
  const array upper = astype(take(sorted, n / 2, -1, s), dtype, s);
  array middle = upper;
  if (n % 2 == 0) {
    const array lower = astype(take(sorted, n / 2 - 1, -1, s), dtype, s);
    middle = multiply(add(lower, upper, s), array(0.5f, dtype), s);
  }
  if (issubdtype(a.dtype(), floating)) {
    // NaNs come last.
    const array last = take(sorted, n - 1, -1, s);
    middle = where(isnan(last, s), last, middle, s);
  }
  if (keepdims) return reshape(middle, kept, s);
  return middle;
}
array median(const array& a, bool keepdims, StreamOrDevice s) {
  return median(a, all_axes(a), keepdims, s);
}
array median(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return median(a, std::vector<int>{axis}, keepdims, s);
}

std::tuple<array, array> minmax(const array& a, bool keepdims, StreamOrDevice s) {
  return {min(a, keepdims, s), max(a, keepdims, s)};
}
std::tuple<array, array> minmax(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  return {min(a, axes, keepdims, s), max(a, axes, keepdims, s)};
}
std::tuple<array, array> minmax(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return {min(a, axis, keepdims, s), max(a, axis, keepdims, s)};
}

namespace {

/// The flattened array in order, in groups of equal elements.
struct Groups {
  array order;   ///< indices (int64) of the sorted elements
  array sorted;  ///< the elements
  array number;  ///< for each sorted element its group (int32)
  array target;  ///< for the first element of a group its number, `size` for the others and for groups beyond

  Groups(const array& flat, int size, StreamOrDevice s)
      : order(astype(argsort(flat, 0, s), int64, s)), sorted(take(flat, order, 0, s)), number(order), target(order) {
    const array differs = not_equal(slice(sorted, {1}, Shape{sorted.shape(0)}, Shape{1}, s),
                                    slice(sorted, {0}, Shape{sorted.shape(0) - 1}, Shape{1}, s), s);
    const array is_first = concatenate({array({true}), differs}, 0, s);
    number = subtract(cumsum(astype(is_first, int32, s), 0, false, true, s), array(1), s);
    const array beyond(size);
    target = where(is_first, minimum(number, beyond, s), beyond, s);
  }
};

/// `values` put at the targets 0 … size − 1 into an array filled with `fill`; target `size` is dropped.
array put_groups(const array& values, const array& target, const array& fill, int size, UpdateMode mode,
                 StreamOrDevice s) {
  const array start = full({size + 1}, astype(fill, values.dtype(), s), s);
  const array updates = expand_dims(values, 1, s);
  const array all =
      mode == UpdateMode::add ? scatter_add(start, target, updates, 0, s) : scatter(start, target, updates, 0, s);
  return slice(all, {0}, Shape{size}, Shape{1}, s);
}

}  // namespace

std::vector<array> unique(const array& a, int size, bool return_index, bool return_inverse, bool return_counts,
                          const std::optional<array>& fill_value, StreamOrDevice s) {
  if (size < 0) fail_as<std::invalid_argument>("[unique] the size {} is negative", size);
  if (fill_value && fill_value->size() != 1) {
    fail_as<std::invalid_argument>("[unique] a fill value of shape {} is not one value",
                                   to_string(fill_value->shape()));
  }
  const array flat = flatten(a, s);
  std::vector<array> out;
  if (a.size() == 0) {
    if (!fill_value && size > 0) fail_as<std::invalid_argument>("[unique] an empty array needs a fill value");
    out.push_back(fill_value ? full({size}, reshape(*fill_value, {}, s), a.dtype(), s) : zeros({0}, a.dtype(), s));
    if (return_index) out.push_back(zeros({size}, uint32, s));
    if (return_inverse) out.push_back(zeros(a.shape(), uint32, s));
    if (return_counts) out.push_back(zeros({size}, int32, s));
    return out;
  }
  const Groups groups(flat, size, s);
  const array fill = fill_value ? reshape(*fill_value, {}, s) : take(groups.sorted, 0, 0, s);
  out.push_back(put_groups(groups.sorted, groups.target, fill, size, UpdateMode::assign, s));
  if (return_index) {
    const array indices = astype(groups.order, uint32, s);
    out.push_back(put_groups(indices, groups.target, take(indices, 0, 0, s), size, UpdateMode::assign, s));
  }
  if (return_inverse) {
    const array places = astype(minimum(groups.number, array(std::max(size - 1, 0)), s), uint32, s);
    const array empty = zeros(flat.shape(), uint32, s);
    out.push_back(reshape(scatter(empty, groups.order, expand_dims(places, 1, s), 0, s), a.shape(), s));
  }
  if (return_counts) {
    const array slot = minimum(groups.number, array(size), s);
    out.push_back(put_groups(ones(flat.shape(), int32, s), slot, array(0), size, UpdateMode::add, s));
  }
  return out;
}

}  // namespace mica
