// Batching rules of slices, gathers and scatters. Where indices differ from batch to batch, the batch axis is indexed,
// too.
#include <algorithm>

#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// Index arrays with a batch axis in front, behind one that names the batch itself.
std::vector<array> with_batch_index(const std::vector<array>& indices, const std::vector<int>& axes, ShapeElem size,
                                    StreamOrDevice s) {
  std::vector<array> out;
  out.reserve(indices.size() + 1);
  size_t ndim = 1;
  for (size_t i = 0; i < indices.size(); ++i) {
    const Shape plain = axes[i] < 0 ? indices[i].shape() : batch_first(indices[i], axes[i], s).shape();
    const Shape full = axes[i] < 0 ? with_batch(plain, size) : plain;
    out.push_back(broadcast_to(batch_first(indices[i], axes[i], s), full, s));
    ndim = full.size();
  }
  Shape column(ndim, 1);
  column[0] = size;
  const array batch = reshape(arange(0, static_cast<double>(size), int64, s), column, s);
  out.insert(out.begin(), out.empty() ? batch : broadcast_to(batch, out[0].shape(), s));
  return out;
}

std::vector<int> axes_behind_batch(const std::vector<int>& axes, bool batch_is_indexed) {
  std::vector<int> out = behind_batch(axes, 0);
  if (batch_is_indexed) out.insert(out.begin(), 0);
  return out;
}

template <typename T>
std::vector<T> tail(const std::vector<T>& list, size_t from) {
  return {list.begin() + static_cast<std::ptrdiff_t>(from), list.end()};
}

bool any_batched(const std::vector<int>& axes) {
  return std::any_of(axes.begin(), axes.end(), [](int axis) { return axis >= 0; });
}

std::vector<array> joined(std::vector<array> first, const std::vector<array>& rest) {
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

/// The starts of dynamic slices, one array for each axis, with the batch axis in front, moved so that the slice fits.
std::vector<array> start_columns(const array& starts, int batch_axis, const std::vector<int>& axes, const Shape& full,
                                 const Shape& part, StreamOrDevice s) {
  const array rows = batch_first(starts, batch_axis, s);
  const array table = reshape(rows, {rows.shape(0), static_cast<ShapeElem>(axes.size())}, s);
  std::vector<array> out;
  out.reserve(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i]);
    const array start = take(table, static_cast<int>(i), 1, s);
    out.push_back(clip(start, array(0, int64), array(full[axis] - part[axis], int64), s));
  }
  return out;
}

}  // namespace

std::pair<std::vector<array>, std::vector<int>> Slice::vmap(const std::vector<array>& inputs,
                                                            const std::vector<int>& axes) const {
  const auto insert = [&](Shape lengths, ShapeElem value) {
    lengths.insert(lengths.begin() + axes[0], value);
    return lengths;
  };
  return {
      {apply<Slice>(inputs, stream(), insert(start, 0), insert(shape, inputs[0].shape(axes[0])), insert(strides, 1))},
      axes};
}

std::pair<std::vector<array>, std::vector<int>> SliceUpdate::vmap(const std::vector<array>& inputs,
                                                                  const std::vector<int>& axes) const {
  return {{apply<SliceUpdate>(batches(inputs, axes, stream()), stream(), with_batch(start, 0), with_batch(strides, 1))},
          {0}};
}

std::pair<std::vector<array>, std::vector<int>> DynamicSlice::vmap(const std::vector<array>& inputs,
                                                                   const std::vector<int>& axes) const {
  const ShapeElem size = batch_size(inputs, axes);
  const array x = batch_first(inputs[0], axes[0], stream());
  if (axes[1] < 0) {
    return {{apply<DynamicSlice>({x, inputs[1]}, stream(), behind_batch(this->axes, 0), with_batch(shape, size))}, {0}};
  }
  Shape full = inputs[0].shape();
  if (axes[0] >= 0) full.erase(full.begin() + axes[0]);
  const auto starts = start_columns(inputs[1], axes[1], this->axes, full, shape, stream());
  if (axes[0] < 0) return {{apply<Gather>(joined({x}, starts), stream(), this->axes, shape)}, {0}};
  const auto indices = with_batch_index(starts, std::vector<int>(starts.size(), 0), size, stream());
  const array slices =
      apply<Gather>(joined({x}, indices), stream(), axes_behind_batch(this->axes, true), with_batch(shape, 1));
  return {{squeeze(slices, 1, stream())}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> DynamicSliceUpdate::vmap(const std::vector<array>& inputs,
                                                                         const std::vector<int>& axes) const {
  const ShapeElem size = batch_size(inputs, axes);
  const auto batch = [&](size_t i) {
    return axes[i] < 0 ? broadcast_to(inputs[i], with_batch(inputs[i].shape(), size), stream())
                       : batch_first(inputs[i], axes[i], stream());
  };
  const array x = batch(0);
  const array update = batch(1);
  if (axes[2] < 0) {
    return {{apply<DynamicSliceUpdate>({x, update, inputs[2]}, stream(), behind_batch(this->axes, 0))}, {0}};
  }
  const Shape full(x.shape().begin() + 1, x.shape().end());
  const Shape part(update.shape().begin() + 1, update.shape().end());
  const auto starts = start_columns(inputs[2], axes[2], this->axes, full, part, stream());
  const auto indices = with_batch_index(starts, std::vector<int>(starts.size(), 0), size, stream());
  return {{apply<Scatter>(joined({x, expand_dims(update, 1, stream())}, indices), stream(),
                          axes_behind_batch(this->axes, true), UpdateMode::assign)},
          {0}};
}

std::pair<std::vector<array>, std::vector<int>> Gather::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  const array x = batch_first(inputs[0], axes[0], stream());
  const std::vector<array> indices = tail(inputs, 1);
  const std::vector<int> index_axes = tail(axes, 1);
  const ShapeElem size = batch_size(inputs, axes);
  if (!any_batched(index_axes)) {
    const int index_ndim = indices.empty() ? 0 : static_cast<int>(indices[0].ndim());
    return {{apply<Gather>(joined({x}, indices), stream(), axes_behind_batch(this->axes, false),
                           with_batch(slice_sizes, size))},
            {index_ndim}};
  }
  std::vector<array> batched = with_batch_index(indices, index_axes, size, stream());
  if (axes[0] < 0) {
    return {{apply<Gather>(joined({x}, tail(batched, 1)), stream(), this->axes, slice_sizes)}, {0}};
  }
  const int behind_indices = static_cast<int>(batched[0].ndim());
  const array slices =
      apply<Gather>(joined({x}, batched), stream(), axes_behind_batch(this->axes, true), with_batch(slice_sizes, 1));
  return {{squeeze(slices, behind_indices, stream())}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> Scatter::vmap(const std::vector<array>& inputs,
                                                              const std::vector<int>& axes) const {
  const ShapeElem size = batch_size(inputs, axes);
  const auto batch = [&](size_t i) {
    return axes[i] < 0 ? broadcast_to(inputs[i], with_batch(inputs[i].shape(), size), stream())
                       : batch_first(inputs[i], axes[i], stream());
  };
  const array x = batch(0);
  const array updates = batch(1);
  const std::vector<array> indices = tail(inputs, 2);
  const std::vector<int> index_axes = tail(axes, 2);
  const int index_ndim = static_cast<int>(updates.ndim() - x.ndim());
  if (!any_batched(index_axes)) {
    return {{apply<Scatter>(joined({x, moveaxis(updates, 0, index_ndim, stream())}, indices), stream(),
                            axes_behind_batch(this->axes, false), mode)},
            {0}};
  }
  return {{apply<Scatter>(joined({x, expand_dims(updates, index_ndim + 1, stream())},
                                 with_batch_index(indices, index_axes, size, stream())),
                          stream(), axes_behind_batch(this->axes, true), mode)},
          {0}};
}

std::pair<std::vector<array>, std::vector<int>> GatherAxis::vmap(const std::vector<array>& inputs,
                                                                 const std::vector<int>& axes) const {
  return {{apply<GatherAxis>(batches(inputs, axes, stream()), stream(), axis + 1)}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> ScatterAxis::vmap(const std::vector<array>& inputs,
                                                                  const std::vector<int>& axes) const {
  return {{apply<ScatterAxis>(batches(inputs, axes, stream()), stream(), axis + 1, mode)}, {0}};
}

}  // namespace mica
