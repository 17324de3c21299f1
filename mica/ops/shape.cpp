#include "mica/ops/shape.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "mica/base/checked.h"
#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/common.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"

namespace mica {
namespace {

/// Which of `ndim` axes are named; naming one twice is an error.
std::vector<bool> axis_set(const std::vector<int>& axes, size_t ndim, std::string_view op) {
  std::vector<bool> set(ndim, false);
  for (const int axis : axes) {
    const auto index = static_cast<size_t>(normalize_axis(axis, ndim, op));
    if (set[index]) fail_as<std::invalid_argument>("[{}] axis {} is named twice", op, axis);
    set[index] = true;
  }
  return set;
}

Shape resolve_reshape(const array& a, Shape shape) {
  ShapeElem known = 1;
  ShapeElem* unknown = nullptr;
  for (ShapeElem& length : shape) {
    if (length == -1 && !unknown) {
      unknown = &length;
    } else if (length < 0) {
      fail_as<std::invalid_argument>("[reshape] {} is no shape", to_string(shape));
    } else {
      const auto product = checked_mul(known, length);
      if (!product) fail_as<std::invalid_argument>("[reshape] {} has too many elements", to_string(shape));
      known = *product;
    }
  }
  const auto size = static_cast<ShapeElem>(a.size());
  if (unknown && known > 0 && size % known == 0) {
    *unknown = size / known;
    known = size;
  }
  if (unknown ? *unknown < 0 : known != size) {
    fail_as<std::invalid_argument>("[reshape] an array of shape {} cannot become {}", to_string(a.shape()),
                                   to_string(shape));
  }
  return shape;
}

}  // namespace

int normalize_axis(int axis, size_t ndim, std::string_view op) {
  const int count = static_cast<int>(ndim);
  if (axis < -count || axis >= count) {
    fail_as<std::invalid_argument>("[{}] axis {} is out of range for an array of {} axes", op, axis, count);
  }
  return axis < 0 ? axis + count : axis;
}

std::vector<OutputSpec> Reshape::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  return {{resolve_reshape(inputs[0], shape), inputs[0].dtype()}};
}

std::vector<OutputSpec> Transpose::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_axes(axes, inputs[0], name());
  check_ndim(inputs[0], axes.size(), name());
  if (axes.size() != inputs[0].ndim()) fail_as<std::invalid_argument>("[transpose] an axis is missing");
  Shape out;
  for (const int axis : axes) out.push_back(inputs[0].shape(axis));
  return {{std::move(out), inputs[0].dtype()}};
}

std::vector<OutputSpec> Broadcast::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  if (broadcast_shapes(inputs[0].shape(), shape) != shape) {
    fail_as<std::invalid_argument>("[broadcast_to] an array of shape {} cannot be broadcast to {}",
                                   to_string(inputs[0].shape()), to_string(shape));
  }
  return {{shape, inputs[0].dtype()}};
}

std::vector<OutputSpec> AsStrided::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  const auto size = static_cast<int64_t>(inputs[0].size());
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  bool fits = shape.size() == strides.size() && offset < inputs[0].size();
  int64_t low = fits ? static_cast<int64_t>(offset) : 0;
  int64_t high = low;
  for (size_t i = 0; fits && i < shape.size(); ++i) {
    const auto reach = checked_mul(shape[i] - 1, strides[i]);
    // Sums of what is within twice the array cannot overflow.
    fits = reach && *reach > -size && *reach < size;
    if (fits) (*reach < 0 ? low : high) += *reach;
    fits = fits && low >= 0 && high < size;
  }
  if (!fits && !(empty && shape.size() == strides.size())) {
    fail_as<std::invalid_argument>("[as_strided] shape {} reaches outside of the array", to_string(shape));
  }
  return {{shape, inputs[0].dtype()}};
}

std::vector<OutputSpec> View::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  Shape out = inputs[0].shape();
  const size_t from = inputs[0].itemsize();
  const size_t to = size_of(dtype);
  if (from != to) {
    if (out.empty()) fail_as<std::invalid_argument>("[view] a scalar keeps its element size");
    const auto product = checked_mul(out.back(), static_cast<ShapeElem>(from));
    if (!product) fail_as<std::invalid_argument>("[view] shape {} has too many elements", to_string(out));
    const ShapeElem bytes = *product;
    if (bytes % static_cast<ShapeElem>(to) != 0) {
      fail_as<std::invalid_argument>("[view] {} bytes in the last axis do not divide into {}", bytes,
                                     dtype_name(dtype));
    }
    out.back() = bytes / static_cast<ShapeElem>(to);
  }
  return {{std::move(out), dtype}};
}

std::vector<OutputSpec> Copy::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> Concatenate::infer(const std::vector<array>& inputs) const {
  if (inputs.empty()) fail_as<std::invalid_argument>("[concatenate] no arrays given");
  check_axis(axis, inputs[0], name());
  Shape out = inputs[0].shape();
  const auto along = static_cast<size_t>(axis);
  out[along] = 0;
  for (const array& input : inputs) {
    bool fits = input.ndim() == out.size();
    for (size_t i = 0; fits && i < out.size(); ++i) fits = i == along || input.shape()[i] == out[i];
    if (!fits) {
      fail_as<std::invalid_argument>("[concatenate] shapes {} and {} differ outside of axis {}",
                                     to_string(inputs[0].shape()), to_string(input.shape()), axis);
    }
    check_dtype(input, inputs[0].dtype(), name());
    const auto sum = checked_add(out[along], input.shape()[along]);
    if (!sum) fail_as<std::invalid_argument>("[concatenate] too many elements");
    out[along] = *sum;
  }
  return {{std::move(out), inputs[0].dtype()}};
}

array reshape(const array& a, Shape shape, StreamOrDevice s) {
  Shape resolved = resolve_reshape(a, shape);
  if (resolved == a.shape()) return a;
  // A length that was left open stays so: traces can follow other shapes.
  return apply<Reshape>({a}, to_stream(s), a.size() > 0 ? std::move(shape) : std::move(resolved));
}

array unflatten(const array& a, int axis, Shape shape, StreamOrDevice s) {
  if (shape.empty()) fail_as<std::invalid_argument>("[unflatten] needs a shape");
  const int at = normalize_axis(axis, a.ndim(), "unflatten");
  const ShapeElem length = a.shape(at);
  ShapeElem known = 1;
  for (const ShapeElem part : shape) known *= part == -1 ? 1 : part;
  Shape out = a.shape();
  out.erase(out.begin() + at);
  for (ShapeElem& part : shape) {
    if (part == -1 && known > 0) part = length / known;
  }
  const ShapeElem product = std::accumulate(shape.begin(), shape.end(), ShapeElem{1}, std::multiplies<>());
  if (product != length) {
    fail_as<std::invalid_argument>("[unflatten] an axis of {} cannot become {}", length, to_string(shape));
  }
  out.insert(out.begin() + at, shape.begin(), shape.end());
  return reshape(a, std::move(out), s);
}

array flatten(const array& a, int start_axis, int end_axis, StreamOrDevice s) {
  if (a.ndim() == 0) return reshape(a, {1}, s);
  const int first = normalize_axis(start_axis, a.ndim(), "flatten");
  const int last = normalize_axis(end_axis, a.ndim(), "flatten");
  if (first > last) fail_as<std::invalid_argument>("[flatten] axis {} comes after axis {}", start_axis, end_axis);
  Shape out(a.shape().begin(), a.shape().begin() + first);
  ShapeElem length = 1;
  for (int i = first; i <= last; ++i) length *= a.shape(i);
  out.push_back(length);
  out.insert(out.end(), a.shape().begin() + last + 1, a.shape().end());
  return reshape(a, std::move(out), s);
}

array flatten(const array& a, StreamOrDevice s) {
  return flatten(a, 0, -1, s);
}

array squeeze(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  const auto set = axis_set(axes, a.ndim(), "squeeze");
  Shape out;
  for (size_t i = 0; i < a.ndim(); ++i) {
    if (!set[i]) {
      out.push_back(a.shape()[i]);
    } else if (a.shape()[i] != 1) {
      fail_as<std::invalid_argument>("[squeeze] axis {} has the length {}, not 1", i, a.shape()[i]);
    }
  }
  return reshape(a, std::move(out), s);
}
array squeeze(const array& a, int axis, StreamOrDevice s) {
  return squeeze(a, std::vector<int>{axis}, s);
}
array squeeze(const array& a, StreamOrDevice s) {
  std::vector<int> ones;
  for (size_t i = 0; i < a.ndim(); ++i) {
    if (a.shape()[i] == 1) ones.push_back(static_cast<int>(i));
  }
  return squeeze(a, ones, s);
}

array expand_dims(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  const auto set = axis_set(axes, a.ndim() + axes.size(), "expand_dims");
  Shape out;
  size_t next = 0;
  for (const bool is_new : set) out.push_back(is_new ? 1 : a.shape()[next++]);
  return reshape(a, std::move(out), s);
}
array expand_dims(const array& a, int axis, StreamOrDevice s) {
  return expand_dims(a, std::vector<int>{axis}, s);
}

array atleast_1d(const array& a, StreamOrDevice s) {
  return a.ndim() == 0 ? reshape(a, {1}, s) : a;
}
array atleast_2d(const array& a, StreamOrDevice s) {
  return a.ndim() >= 2 ? a : reshape(a, {1, static_cast<ShapeElem>(a.size())}, s);
}
array atleast_3d(const array& a, StreamOrDevice s) {
  if (a.ndim() >= 3) return a;
  return a.ndim() == 2 ? expand_dims(a, 2, s) : reshape(a, {1, static_cast<ShapeElem>(a.size()), 1}, s);
}

#define MICA_FOR_EACH(name)                                                \
  std::vector<array> name(const std::vector<array>& a, StreamOrDevice s) { \
    std::vector<array> out;                                                \
    out.reserve(a.size());                                                 \
    for (const array& one : a) out.push_back(name(one, s));                \
    return out;                                                            \
  }
MICA_FOR_EACH(atleast_1d)
MICA_FOR_EACH(atleast_2d)
MICA_FOR_EACH(atleast_3d)
#undef MICA_FOR_EACH

array transpose(const array& a, std::vector<int> axes, StreamOrDevice s) {
  if (axes.size() != a.ndim()) {
    fail_as<std::invalid_argument>("[transpose] {} axes named for an array of {}", axes.size(), a.ndim());
  }
  axis_set(axes, a.ndim(), "transpose");
  for (int& axis : axes) axis = normalize_axis(axis, a.ndim(), "transpose");
  return std::is_sorted(axes.begin(), axes.end()) ? a : apply<Transpose>({a}, to_stream(s), std::move(axes));
}
array transpose(const array& a, StreamOrDevice s) {
  std::vector<int> axes = all_axes(a);
  std::reverse(axes.begin(), axes.end());
  return transpose(a, std::move(axes), s);
}
array matrix_transpose(const array& a, StreamOrDevice s) {
  if (a.ndim() < 2) fail_as<std::invalid_argument>("[matrix_transpose] needs at least two axes");
  return swapaxes(a, -1, -2, s);
}
array swapaxes(const array& a, int axis1, int axis2, StreamOrDevice s) {
  std::vector<int> axes = all_axes(a);
  std::swap(axes[static_cast<size_t>(normalize_axis(axis1, a.ndim(), "swapaxes"))],
            axes[static_cast<size_t>(normalize_axis(axis2, a.ndim(), "swapaxes"))]);
  return transpose(a, std::move(axes), s);
}
array moveaxis(const array& a, int source, int destination, StreamOrDevice s) {
  const int from = normalize_axis(source, a.ndim(), "moveaxis");
  const int to = normalize_axis(destination, a.ndim(), "moveaxis");
  std::vector<int> axes = all_axes(a);
  axes.erase(axes.begin() + from);
  axes.insert(axes.begin() + to, from);
  return transpose(a, std::move(axes), s);
}

array flip(const array& a, const std::vector<int>& axes, StreamOrDevice s) {
  const auto set = axis_set(axes, a.ndim(), "flip");
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  Shape strides(a.ndim(), 1);
  for (size_t i = 0; i < a.ndim(); ++i) {
    if (!set[i]) continue;
    start[i] = a.shape()[i] - 1;
    stop[i] = -a.shape()[i] - 1;
    strides[i] = -1;
  }
  return slice(a, start, stop, strides, s);
}
array flip(const array& a, int axis, StreamOrDevice s) {
  return flip(a, std::vector<int>{axis}, s);
}
array flip(const array& a, StreamOrDevice s) {
  return flip(a, all_axes(a), s);
}

array broadcast_to(const array& a, const Shape& shape, StreamOrDevice s) {
  return a.shape() == shape ? a : apply<Broadcast>({a}, to_stream(s), shape);
}

std::vector<array> broadcast_arrays(const std::vector<array>& inputs, StreamOrDevice s) {
  Shape shape;
  for (const array& input : inputs) shape = broadcast_shapes(shape, input.shape());
  std::vector<array> out;
  out.reserve(inputs.size());
  for (const array& input : inputs) out.push_back(broadcast_to(input, shape, s));
  return out;
}

array as_strided(const array& a, Shape shape, Strides strides, size_t offset, StreamOrDevice s) {
  if (shape.size() != strides.size()) {
    fail_as<std::invalid_argument>("[as_strided] {} lengths with {} strides", shape.size(), strides.size());
  }
  return apply<AsStrided>({contiguous(a, false, s)}, to_stream(s), std::move(shape), std::move(strides), offset);
}

array view(const array& a, const Dtype& dtype, StreamOrDevice s) {
  return a.dtype() == dtype ? a : apply<View>({a}, to_stream(s), dtype);
}

array copy(array a, StreamOrDevice s) {
  return apply<Copy>({std::move(a)}, to_stream(s), false, false);
}

array contiguous(const array& a, bool allow_col_major, StreamOrDevice s) {
  return apply<Copy>({a}, to_stream(s), true, allow_col_major);
}

array concatenate(std::vector<array> arrays, int axis, StreamOrDevice s) {
  if (arrays.empty()) fail_as<std::invalid_argument>("[concatenate] no arrays given");
  const int along = normalize_axis(axis, arrays[0].ndim(), "concatenate");
  if (arrays.size() == 1) return arrays[0];
  const Dtype dtype = result_type(arrays);
  for (array& a : arrays) a = astype(a, dtype, s);
  return apply<Concatenate>(std::move(arrays), to_stream(s), along);
}
array concatenate(std::vector<array> arrays, StreamOrDevice s) {
  for (array& a : arrays) a = flatten(a, s);
  return concatenate(std::move(arrays), 0, s);
}

array stack(const std::vector<array>& arrays, int axis, StreamOrDevice s) {
  if (arrays.empty()) fail_as<std::invalid_argument>("[stack] no arrays given");
  std::vector<array> expanded;
  expanded.reserve(arrays.size());
  for (const array& a : arrays) {
    if (a.shape() != arrays[0].shape()) fail_as<std::invalid_argument>("[stack] all arrays must have one shape");
    expanded.push_back(expand_dims(a, axis, s));
  }
  return concatenate(std::move(expanded), normalize_axis(axis, arrays[0].ndim() + 1, "stack"), s);
}
array stack(const std::vector<array>& arrays, StreamOrDevice s) {
  return stack(arrays, 0, s);
}

std::vector<array> split(const array& a, const Shape& indices, int axis, StreamOrDevice s) {
  const auto along = static_cast<size_t>(normalize_axis(axis, a.ndim(), "split"));
  const ShapeElem length = a.shape()[along];
  std::vector<array> out;
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  for (size_t i = 0; i <= indices.size(); ++i) {
    const ShapeElem end = i < indices.size() ? indices[i] : length;
    stop[along] = std::clamp<ShapeElem>(end < 0 ? end + length : end, start[along], length);
    out.push_back(slice(a, start, stop, s));
    start[along] = stop[along];
  }
  return out;
}
std::vector<array> split(const array& a, const Shape& indices, StreamOrDevice s) {
  return split(a, indices, 0, s);
}
std::vector<array> split(const array& a, int num_splits, int axis, StreamOrDevice s) {
  const ShapeElem length = a.shape(normalize_axis(axis, a.ndim(), "split"));
  if (num_splits < 1 || length % num_splits != 0) {
    fail_as<std::invalid_argument>("[split] an axis of {} does not divide into {} equal parts", length, num_splits);
  }
  Shape indices;
  for (int i = 1; i < num_splits; ++i) indices.push_back(length / num_splits * i);
  return split(a, indices, axis, s);
}
std::vector<array> split(const array& a, int num_splits, StreamOrDevice s) {
  return split(a, num_splits, 0, s);
}

std::vector<array> unstack(const array& a, int axis, StreamOrDevice s) {
  std::vector<array> out;
  const auto length = static_cast<int>(a.shape(normalize_axis(axis, a.ndim(), "unstack")));
  if (length == 0) return out;
  for (const array& part : split(a, length, axis, s)) out.push_back(squeeze(part, axis, s));
  return out;
}
std::vector<array> unstack(const array& a, StreamOrDevice s) {
  return unstack(a, 0, s);
}

array repeat(const array& arr, int repeats, int axis, StreamOrDevice s) {
  const int along = normalize_axis(axis, arr.ndim(), "repeat");
  if (repeats < 0) fail_as<std::invalid_argument>("[repeat] {} repeats make no sense", repeats);
  Shape shape = arr.shape();
  shape.insert(shape.begin() + along + 1, repeats);
  return flatten(broadcast_to(expand_dims(arr, along + 1, s), shape, s), along, along + 1, s);
}
array repeat(const array& arr, int repeats, StreamOrDevice s) {
  return repeat(flatten(arr, s), repeats, 0, s);
}

array tile(const array& arr, std::vector<int> reps, StreamOrDevice s) {
  Shape shape = arr.shape();
  while (shape.size() < reps.size()) shape.insert(shape.begin(), 1);
  while (reps.size() < shape.size()) reps.insert(reps.begin(), 1);
  Shape separate;  // every axis behind its number of repeats
  Shape repeated;
  Shape out;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (reps[i] < 0) fail_as<std::invalid_argument>("[tile] {} repeats make no sense", reps[i]);
    separate.push_back(1);
    separate.push_back(shape[i]);
    repeated.push_back(reps[i]);
    repeated.push_back(shape[i]);
    out.push_back(reps[i] * shape[i]);
  }
  return reshape(broadcast_to(reshape(arr, separate, s), repeated, s), out, s);
}

array roll(const array& a, int shift, int axis, StreamOrDevice s) {
  const ShapeElem length = a.shape(normalize_axis(axis, a.ndim(), "roll"));
  if (length == 0) return a;
  const ShapeElem places = ((shift % length) + length) % length;
  if (places == 0) return a;
  const auto parts = split(a, Shape{length - places}, axis, s);
  return concatenate({parts[1], parts[0]}, axis, s);
}
array roll(const array& a, int shift, StreamOrDevice s) {
  return reshape(roll(flatten(a, s), shift, 0, s), a.shape(), s);
}
array roll(const array& a, const Shape& shift, const std::vector<int>& axes, StreamOrDevice s) {
  if (shift.size() != axes.size()) {
    fail_as<std::invalid_argument>("[roll] {} shifts for {} axes", shift.size(), axes.size());
  }
  array out = a;
  for (size_t i = 0; i < axes.size(); ++i) {
    const ShapeElem length = std::max<ShapeElem>(a.shape(normalize_axis(axes[i], a.ndim(), "roll")), 1);
    out = roll(out, static_cast<int>(shift[i] % length), axes[i], s);
  }
  return out;
}
array roll(const array& a, const Shape& shift, int axis, StreamOrDevice s) {
  return roll(a, Shape{std::accumulate(shift.begin(), shift.end(), ShapeElem{0})}, std::vector<int>{axis}, s);
}
array roll(const array& a, const Shape& shift, StreamOrDevice s) {
  return reshape(roll(flatten(a, s), shift, 0, s), a.shape(), s);
}
array roll(const array& a, int shift, const std::vector<int>& axes, StreamOrDevice s) {
  return roll(a, Shape(axes.size(), shift), axes, s);
}

namespace {

/// Indices into an axis of `length` that continue it by `low` and `high` elements beyond its ends.
array padding_indices(ShapeElem length, ShapeElem low, ShapeElem high, const std::string& mode) {
  std::vector<int64_t> indices;
  for (ShapeElem i = -low; i < length + high; ++i) {
    ShapeElem at = std::clamp<ShapeElem>(i, 0, length - 1);
    if (mode != "edge") {
      // reflect turns around on the last element, symmetric behind it.
      const ShapeElem period = mode == "reflect" ? std::max<ShapeElem>(2 * length - 2, 1) : 2 * length;
      at = ((i % period) + period) % period;
      if (at >= length) at = (mode == "reflect" ? 2 * length - 2 : 2 * length - 1) - at;
    }
    indices.push_back(at);
  }
  return array(indices.begin(), Shape{static_cast<ShapeElem>(indices.size())}, int64);
}

}  // namespace

array pad(const array& a, const std::vector<int>& axes, const Shape& low, const Shape& high, const array& pad_value,
          const std::string& mode, StreamOrDevice s) {
  if (axes.size() != low.size() || axes.size() != high.size()) {
    fail_as<std::invalid_argument>("[pad] {} axes with {} and {} paddings", axes.size(), low.size(), high.size());
  }
  const bool constant = mode == "constant";
  if (!constant && mode != "edge" && mode != "reflect" && mode != "symmetric") {
    fail_as<std::invalid_argument>("[pad] mode {} is not one of constant, edge, reflect, symmetric",
                                   mica::quoted(mode));
  }
  array out = a;
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  Shape shape = a.shape();
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalize_axis(axes[i], a.ndim(), "pad");
    const auto at = static_cast<size_t>(axis);
    if (low[i] < 0 || high[i] < 0) fail_as<std::invalid_argument>("[pad] paddings cannot be negative");
    if (!constant && a.shape()[at] == 0) fail_as<std::invalid_argument>("[pad] an empty axis has no edge");
    if (!constant) out = take(out, padding_indices(a.shape()[at], low[i], high[i], mode), axis, s);
    start[at] += low[i];
    stop[at] += low[i];
    shape[at] += low[i] + high[i];
  }
  if (!constant || shape == a.shape()) return out;
  return slice_update(full(shape, pad_value, a.dtype(), s), a, start, stop, s);
}

array pad(const array& a, const std::vector<std::pair<int, int>>& pad_width, const array& pad_value,
          const std::string& mode, StreamOrDevice s) {
  Shape low;
  Shape high;
  for (const auto& [before, after] : pad_width) {
    low.push_back(before);
    high.push_back(after);
  }
  return pad(a, all_axes(a), low, high, pad_value, mode, s);
}
array pad(const array& a, const std::pair<int, int>& pad_width, const array& pad_value, const std::string& mode,
          StreamOrDevice s) {
  return pad(a, std::vector<std::pair<int, int>>(a.ndim(), pad_width), pad_value, mode, s);
}
array pad(const array& a, int pad_width, const array& pad_value, const std::string& mode, StreamOrDevice s) {
  return pad(a, std::pair(pad_width, pad_width), pad_value, mode, s);
}

array diagonal(const array& a, int offset, int axis1, int axis2, StreamOrDevice s) {
  if (a.ndim() < 2) fail_as<std::invalid_argument>("[diagonal] needs at least two axes");
  const int first = normalize_axis(axis1, a.ndim(), "diagonal");
  const int second = normalize_axis(axis2, a.ndim(), "diagonal");
  if (first == second) fail_as<std::invalid_argument>("[diagonal] the two axes are the same");
  std::vector<int> order;
  for (int i = 0; i < static_cast<int>(a.ndim()); ++i) {
    if (i != first && i != second) order.push_back(i);
  }
  order.push_back(first);
  order.push_back(second);
  const array moved = contiguous(transpose(a, order, s), false, s);
  const ShapeElem rows = moved.shape(-2);
  const ShapeElem cols = moved.shape(-1);
  const ShapeElem skip_row = std::max(-offset, 0);
  const ShapeElem skip_col = std::max(offset, 0);
  Shape shape(moved.shape().begin(), moved.shape().end() - 2);
  Strides strides = row_contiguous_strides(moved.shape());
  strides.pop_back();
  strides.back() = cols + 1;
  shape.push_back(std::max<ShapeElem>(std::min(rows - skip_row, cols - skip_col), 0));
  return as_strided(moved, shape, strides, static_cast<size_t>(skip_row * cols + skip_col), s);
}

array diag(const array& a, int k, StreamOrDevice s) {
  if (a.ndim() == 2) return diagonal(a, k, 0, 1, s);
  if (a.ndim() != 1) fail_as<std::invalid_argument>("[diag] needs one or two axes");
  const auto n = static_cast<int>(a.shape(0)) + std::abs(k);
  const array rows =
      k > 0 ? pad(a, {0}, {0}, {k}, array(0), "constant", s) : pad(a, {0}, {-k}, {0}, array(0), "constant", s);
  return where(eye(n, n, k, bool_, s), expand_dims(rows, 1, s), zeros({n, n}, a.dtype(), s), s);
}

std::vector<array> meshgrid(const std::vector<array>& arrays, bool sparse, const std::string& indexing,
                            StreamOrDevice s) {
  if (indexing != "xy" && indexing != "ij") fail_as<std::invalid_argument>("[meshgrid] indexing is xy or ij");
  const size_t n = arrays.size();
  const bool swap = indexing == "xy" && n > 1;
  std::vector<array> out;
  for (size_t i = 0; i < n; ++i) {
    Shape shape(n, 1);
    shape[swap && i < 2 ? 1 - i : i] = static_cast<ShapeElem>(arrays[i].size());
    out.push_back(reshape(arrays[i], shape, s));
  }
  return sparse ? out : broadcast_arrays(out, s);
}

}  // namespace mica
