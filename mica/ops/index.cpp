#include "mica/ops/index.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica {
namespace {

struct ResolvedSlice {
  Shape start;
  Shape shape;
};

ResolvedSlice resolve(const array& a, const Shape& start, const Shape& stop, const Shape& strides,
                      std::string_view op) {
  if (start.size() != a.ndim() || stop.size() != a.ndim() || strides.size() != a.ndim()) {
    fail_as<std::invalid_argument>("[{}] start, stop and strides must have one entry for each of {} axes", op,
                                   a.ndim());
  }
  ResolvedSlice out{start, a.shape()};
  for (size_t i = 0; i < a.ndim(); ++i) {
    const ShapeElem n = a.shape()[i];
    const ShapeElem step = strides[i];
    if (step == 0) fail_as<std::invalid_argument>("[{}] a stride of 0 goes nowhere", op);
    const ShapeElem low = step < 0 ? -1 : 0;
    const ShapeElem high = step < 0 ? n - 1 : n;
    const ShapeElem first = std::clamp(start[i] < 0 ? start[i] + n : start[i], low, high);
    const ShapeElem last = std::clamp(stop[i] < 0 ? stop[i] + n : stop[i], low, high);
    const ShapeElem distance = step < 0 ? first - last : last - first;
    out.shape[i] = distance <= 0 ? 0 : (distance - 1) / std::abs(step) + 1;
    out.start[i] = out.shape[i] == 0 ? 0 : first;
  }
  return out;
}

/// Index arrays as the kernels want them: int64 of one common shape.
std::vector<array> prepare_indices(const std::vector<array>& indices, std::string_view op, StreamOrDevice s) {
  for (const array& index : indices) {
    if (!issubdtype(index.dtype(), integer)) {
      fail_as<std::invalid_argument>("[{}] indices must be integers, not {}", op, dtype_name(index.dtype()));
    }
  }
  std::vector<array> out = broadcast_arrays(indices, s);
  for (array& index : out) index = astype(index, int64, s);
  return out;
}

std::vector<int> normalize_axes(const std::vector<int>& axes, const array& a, size_t wanted, std::string_view op) {
  if (axes.size() != wanted || wanted > a.ndim()) {
    fail_as<std::invalid_argument>("[{}] {} axes for {} index arrays", op, axes.size(), wanted);
  }
  std::vector<int> out;
  for (const int axis : axes) {
    out.push_back(normalize_axis(axis, a.ndim(), op));
    if (std::count(out.begin(), out.end(), out.back()) > 1) {
      fail_as<std::invalid_argument>("[{}] axis {} is named twice", op, axis);
    }
  }
  return out;
}

array scatter(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
              UpdateMode mode, StreamOrDevice s) {
  std::vector<array> inputs = {a, astype(updates, a.dtype(), s)};
  for (array& index : prepare_indices(indices, "scatter", s)) inputs.push_back(std::move(index));
  return apply<Scatter>(std::move(inputs), to_stream(s), normalize_axes(axes, a, indices.size(), "scatter"), mode);
}

array scatter_axis(const array& a, const array& indices, const array& values, int axis, UpdateMode mode,
                   StreamOrDevice s) {
  const array index = prepare_indices({indices}, "put_along_axis", s)[0];
  return apply<ScatterAxis>({a, index, broadcast_to(astype(values, a.dtype(), s), indices.shape(), s)}, to_stream(s),
                            normalize_axis(axis, a.ndim(), "put_along_axis"), mode);
}

void check_along_axis(const array& a, const array& indices, int axis, std::string_view op) {
  bool fits = a.ndim() == indices.ndim();
  for (size_t i = 0; fits && i < a.ndim(); ++i) {
    fits = static_cast<int>(i) == axis || indices.shape()[i] == a.shape()[i];
  }
  if (!fits) {
    fail_as<std::invalid_argument>("[{}] indices of shape {} do not match an array of shape {} outside of axis {}", op,
                                   to_string(indices.shape()), to_string(a.shape()), axis);
  }
}

void check_parts(const Shape& start, const Shape& part, const Shape& strides, const Shape& whole, std::string_view op) {
  if (start.size() != whole.size() || part.size() != whole.size() || strides.size() != whole.size()) {
    fail_as<std::invalid_argument>("[{}] {} axes are not described", op, whole.size());
  }
  for (size_t i = 0; i < whole.size(); ++i) check_part(start[i], part[i], strides[i], whole[i], op);
}

/// What slices whose start is an array have in common; a start too high is moved when the kernel sees it.
void check_dynamic(const array& a, const array& start, const std::vector<int>& axes, const Shape& part,
                   std::string_view op) {
  check_axes(axes, a, op);
  check_dtype(start, int64, op);
  if (start.size() != axes.size()) {
    fail_as<std::invalid_argument>("[{}] {} starts for {} axes", op, start.size(), axes.size());
  }
  check_parts(Shape(a.ndim(), 0), part, Shape(a.ndim(), 1), a.shape(), op);
}

}  // namespace

std::vector<OutputSpec> Slice::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_parts(start, shape, strides, inputs[0].shape(), name());
  return {{shape, inputs[0].dtype()}};
}

std::vector<OutputSpec> SliceUpdate::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 2, name());
  check_dtype(inputs[1], inputs[0].dtype(), name());
  check_parts(start, inputs[1].shape(), strides, inputs[0].shape(), name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> DynamicSlice::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 2, name());
  check_dynamic(inputs[0], inputs[1], axes, shape, name());
  return {{shape, inputs[0].dtype()}};
}

std::vector<OutputSpec> DynamicSliceUpdate::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3, name());
  check_dtype(inputs[1], inputs[0].dtype(), name());
  check_dynamic(inputs[0], inputs[2], axes, inputs[1].shape(), name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> Gather::infer(const std::vector<array>& inputs) const {
  check_count(inputs, axes.size() + 1, name());
  check_axes(axes, inputs[0], name());
  check_indices(inputs, 1, name());
  check_parts(Shape(inputs[0].ndim(), 0), slice_sizes, Shape(inputs[0].ndim(), 1), inputs[0].shape(), name());
  Shape shape = inputs.size() > 1 ? inputs[1].shape() : Shape{};
  shape.insert(shape.end(), slice_sizes.begin(), slice_sizes.end());
  return {{std::move(shape), inputs[0].dtype()}};
}

std::vector<OutputSpec> Scatter::infer(const std::vector<array>& inputs) const {
  check_count(inputs, axes.size() + 2, name());
  check_axes(axes, inputs[0], name());
  check_dtype(inputs[1], inputs[0].dtype(), name());
  check_indices(inputs, 2, name());
  const array& a = inputs[0];
  const array& updates = inputs[1];
  const Shape indexed = inputs.size() > 2 ? inputs[2].shape() : Shape{};
  bool fits = updates.ndim() == indexed.size() + a.ndim();
  for (size_t i = 0; fits && i < updates.ndim(); ++i) {
    fits = i < indexed.size() ? updates.shape()[i] == indexed[i] : updates.shape()[i] <= a.shape()[i - indexed.size()];
  }
  if (!fits) {
    fail_as<std::invalid_argument>("[scatter] updates of shape {} do not fit indices of shape {} into shape {}",
                                   to_string(updates.shape()), to_string(indexed), to_string(a.shape()));
  }
  return {{a.shape(), a.dtype()}};
}

std::vector<OutputSpec> GatherAxis::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 2, name());
  check_axis(axis, inputs[0], name());
  check_indices(inputs, 1, name());
  check_along_axis(inputs[0], inputs[1], axis, name());
  return {{inputs[1].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> ScatterAxis::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3, name());
  check_axis(axis, inputs[0], name());
  check_dtype(inputs[1], int64, name());
  check_dtype(inputs[2], inputs[0].dtype(), name());
  check_shape(inputs[2], inputs[1].shape(), name());
  check_along_axis(inputs[0], inputs[1], axis, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

array slice(const array& a, const Shape& start, const Shape& stop, Shape strides, StreamOrDevice s) {
  ResolvedSlice resolved = resolve(a, start, stop, strides, "slice");
  const bool forward = std::all_of(strides.begin(), strides.end(), [](ShapeElem step) { return step == 1; });
  if (forward && resolved.shape == a.shape()) return a;
  return apply<Slice>({a}, to_stream(s), std::move(resolved.start), std::move(resolved.shape), std::move(strides));
}
array slice(const array& a, const Shape& start, const Shape& stop, StreamOrDevice s) {
  return slice(a, start, stop, Shape(a.ndim(), 1), s);
}
array slice(const array& a, const array& start, std::vector<int> axes, Shape slice_size, StreamOrDevice s) {
  bool fits = slice_size.size() == a.ndim() && start.size() == axes.size();
  for (size_t i = 0; fits && i < a.ndim(); ++i) fits = slice_size[i] >= 0 && slice_size[i] <= a.shape()[i];
  if (!fits) {
    fail_as<std::invalid_argument>("[slice] a slice of {} does not fit an array of {}", to_string(slice_size),
                                   to_string(a.shape()));
  }
  axes = normalize_axes(axes, a, axes.size(), "slice");
  return apply<DynamicSlice>({a, prepare_indices({start}, "slice", s)[0]}, to_stream(s), std::move(axes),
                             std::move(slice_size));
}

array slice_update(const array& src, const array& update, const Shape& start, const Shape& stop, Shape strides,
                   StreamOrDevice s) {
  ResolvedSlice resolved = resolve(src, start, stop, strides, "slice_update");
  const array part = broadcast_to(astype(update, src.dtype(), s), resolved.shape, s);
  if (part.size() == 0) return src;
  return apply<SliceUpdate>({src, part}, to_stream(s), std::move(resolved.start), std::move(strides));
}
array slice_update(const array& src, const array& update, const Shape& start, const Shape& stop, StreamOrDevice s) {
  return slice_update(src, update, start, stop, Shape(src.ndim(), 1), s);
}
array slice_update(const array& src, const array& update, const array& start, std::vector<int> axes, StreamOrDevice s) {
  bool fits = update.ndim() == src.ndim() && start.size() == axes.size();
  for (size_t i = 0; fits && i < src.ndim(); ++i) fits = update.shape()[i] <= src.shape()[i];
  if (!fits) {
    fail_as<std::invalid_argument>("[slice_update] an update of {} does not fit an array of {}",
                                   to_string(update.shape()), to_string(src.shape()));
  }
  axes = normalize_axes(axes, src, axes.size(), "slice_update");
  return apply<DynamicSliceUpdate>(
      {src, astype(update, src.dtype(), s), prepare_indices({start}, "slice_update", s)[0]}, to_stream(s),
      std::move(axes));
}

#define MICA_SLICE_UPDATE(name, combine)                                                                       \
  array name(const array& src, const array& update, const Shape& start, const Shape& stop, Shape strides,      \
             StreamOrDevice s) {                                                                               \
    const array part = combine(slice(src, start, stop, strides, s), astype(update, src.dtype(), s), s);        \
    return slice_update(src, part, start, stop, std::move(strides), s);                                        \
  }                                                                                                            \
  array name(const array& src, const array& update, const Shape& start, const Shape& stop, StreamOrDevice s) { \
    return name(src, update, start, stop, Shape(src.ndim(), 1), s);                                            \
  }
MICA_SLICE_UPDATE(slice_update_add, add)
MICA_SLICE_UPDATE(slice_update_prod, multiply)
MICA_SLICE_UPDATE(slice_update_max, maximum)
MICA_SLICE_UPDATE(slice_update_min, minimum)
#undef MICA_SLICE_UPDATE

array gather(const array& a, const std::vector<array>& indices, const std::vector<int>& axes, const Shape& slice_sizes,
             StreamOrDevice s) {
  std::vector<int> indexed = normalize_axes(axes, a, indices.size(), "gather");
  bool fits = slice_sizes.size() == a.ndim();
  for (size_t i = 0; fits && i < a.ndim(); ++i) fits = slice_sizes[i] >= 0 && slice_sizes[i] <= a.shape()[i];
  if (!fits) {
    fail_as<std::invalid_argument>("[gather] slices of {} do not fit an array of {}", to_string(slice_sizes),
                                   to_string(a.shape()));
  }
  std::vector<array> inputs = {a};
  for (array& index : prepare_indices(indices, "gather", s)) inputs.push_back(std::move(index));
  return apply<Gather>(std::move(inputs), to_stream(s), std::move(indexed), slice_sizes);
}
array gather(const array& a, const array& indices, int axis, const Shape& slice_sizes, StreamOrDevice s) {
  return gather(a, std::vector<array>{indices}, std::vector<int>{axis}, slice_sizes, s);
}

array take(const array& a, const array& indices, int axis, StreamOrDevice s) {
  const int along = normalize_axis(axis, a.ndim(), "take");
  if (a.shape(along) == 0 && indices.size() > 0) {
    fail_as<std::invalid_argument>("[take] nothing can be taken from an empty axis");
  }
  Shape sizes = a.shape();
  sizes[static_cast<size_t>(along)] = std::min<ShapeElem>(1, a.shape(along));
  const array rows = gather(a, indices, along, sizes, s);
  // gather leaves the axis as a length of 1 behind the indices; they belong in its place.
  const auto index_axes = static_cast<int>(indices.ndim());
  array dropped = squeeze(rows, index_axes + along, s);
  if (along == 0 || index_axes == 0) return dropped;
  std::vector<int> order;
  order.reserve(dropped.ndim());
  for (int i = 0; i < along; ++i) order.push_back(index_axes + i);
  for (int i = 0; i < index_axes; ++i) order.push_back(i);
  for (int i = index_axes + along; i < static_cast<int>(dropped.ndim()); ++i) order.push_back(i);
  return transpose(dropped, std::move(order), s);
}
array take(const array& a, int index, int axis, StreamOrDevice s) {
  const auto along = static_cast<size_t>(normalize_axis(axis, a.ndim(), "take"));
  const ShapeElem length = a.shape()[along];
  if (index < -length || index >= length) {
    fail_as<std::out_of_range>("[take] index {} is out of range for an axis of {}", index, length);
  }
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  start[along] = index < 0 ? index + length : index;
  stop[along] = start[along] + 1;
  return squeeze(slice(a, start, stop, s), axis, s);
}
array take(const array& a, const array& indices, StreamOrDevice s) {
  return take(flatten(a, s), indices, 0, s);
}
array take(const array& a, int index, StreamOrDevice s) {
  return take(flatten(a, s), index, 0, s);
}

array take_along_axis(const array& a, const array& indices, int axis, StreamOrDevice s) {
  const array index = prepare_indices({indices}, "take_along_axis", s)[0];
  const int along = normalize_axis(axis, a.ndim(), "take_along_axis");
  if (a.ndim() != index.ndim()) check_along_axis(a, index, along, "take_along_axis");
  // Outside of the axis the two are broadcast to each other.
  Shape a_shape = a.shape();
  Shape index_shape = index.shape();
  for (size_t i = 0; i < a_shape.size(); ++i) {
    if (static_cast<int>(i) == along) continue;
    a_shape[i] = index_shape[i] = broadcast_shapes({a_shape[i]}, {index_shape[i]})[0];
  }
  return apply<GatherAxis>({broadcast_to(a, a_shape, s), broadcast_to(index, index_shape, s)}, to_stream(s), along);
}
array put_along_axis(const array& a, const array& indices, const array& values, int axis, StreamOrDevice s) {
  return scatter_axis(a, indices, values, axis, UpdateMode::assign, s);
}
array scatter_add_axis(const array& a, const array& indices, const array& values, int axis, StreamOrDevice s) {
  return scatter_axis(a, indices, values, axis, UpdateMode::add, s);
}

array scatter(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
              StreamOrDevice s) {
  return scatter(a, indices, updates, axes, UpdateMode::assign, s);
}
array scatter(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s) {
  return scatter(a, {indices}, updates, {axis}, UpdateMode::assign, s);
}
array scatter_add(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
                  StreamOrDevice s) {
  return scatter(a, indices, updates, axes, UpdateMode::add, s);
}
array scatter_add(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s) {
  return scatter(a, {indices}, updates, {axis}, UpdateMode::add, s);
}
array scatter_prod(const array& a, const std::vector<array>& indices, const array& updates,
                   const std::vector<int>& axes, StreamOrDevice s) {
  return scatter(a, indices, updates, axes, UpdateMode::prod, s);
}
array scatter_max(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
                  StreamOrDevice s) {
  return scatter(a, indices, updates, axes, UpdateMode::max, s);
}
array scatter_min(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
                  StreamOrDevice s) {
  return scatter(a, indices, updates, axes, UpdateMode::min, s);
}

array scatter_prod(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s) {
  return scatter(a, {indices}, updates, {axis}, UpdateMode::prod, s);
}
array scatter_max(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s) {
  return scatter(a, {indices}, updates, {axis}, UpdateMode::max, s);
}
array scatter_min(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s) {
  return scatter(a, {indices}, updates, {axis}, UpdateMode::min, s);
}

array masked_scatter(const array& a, const array& mask, const array& src, StreamOrDevice s) {
  if (mask.dtype() != bool_) fail_as<std::invalid_argument>("[masked_scatter] a mask of {}", dtype_name(mask.dtype()));
  bool fits = mask.ndim() <= a.ndim();
  for (size_t i = 0; fits && i < mask.ndim(); ++i) fits = mask.shape()[i] == a.shape()[i] || mask.shape()[i] == 1;
  if (!fits) {
    fail_as<std::invalid_argument>("[masked_scatter] a mask of shape {} does not fit an array of shape {}",
                                   to_string(mask.shape()), to_string(a.shape()));
  }
  if (a.size() == 0 || mask.size() == 0) return a;
  array spread = mask;
  while (spread.ndim() < a.ndim()) spread = expand_dims(spread, -1, s);
  spread = broadcast_to(spread, a.shape(), s);
  const array values = astype(flatten(src, s), a.dtype(), s);
  if (values.size() == 1) return where(spread, reshape(values, {}, s), a, s);
  if (values.size() == 0) fail_as<std::invalid_argument>("[masked_scatter] the source is empty");
  // The place in the source: how many places of the mask come before. Beyond its end take() throws.
  const array chosen = flatten(spread, s);
  const array before = cumsum(astype(chosen, int64, s), 0, false, false, s);
  const array places = where(chosen, before, array(0, int64), s);
  return where(spread, reshape(take(values, places, 0, s), a.shape(), s), a, s);
}

array::ArrayIterator::reference array::ArrayIterator::operator*() const {
  return take(*arr, static_cast<int>(index), 0);
}

}  // namespace mica
