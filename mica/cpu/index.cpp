#include "mica/ops/index.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/copy.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/cpu/strided.h"

namespace mica::cpu {
namespace {

int64_t dot(const Shape& index, const Strides& strides) {
  int64_t sum = 0;
  for (size_t i = 0; i < index.size(); ++i) sum += index[i] * strides[i];
  return sum;
}

/// A step over an axis of one element goes nowhere, however long it is.
Strides scaled(const Strides& strides, const Shape& steps, const Shape& part) {
  Strides out = strides;
  for (size_t i = 0; i < out.size(); ++i) out[i] *= part[i] > 1 ? steps[i] : 1;
  return out;
}

std::byte* element(array& a, int64_t offset) {
  return a.data<std::byte>() + offset * static_cast<int64_t>(a.itemsize());
}
const std::byte* element(const array& a, int64_t offset) {
  return a.data<std::byte>() + offset * static_cast<int64_t>(a.itemsize());
}

int64_t checked_index(int64_t index, int64_t length, std::string_view op) {
  const int64_t at = index < 0 ? index + length : index;
  if (at < 0 || at >= length) {
    fail_as<std::out_of_range>("[{}] index {} is out of range for an axis of {}", op, index, length);
  }
  return at;
}

/// Starts of a dynamic slice, moved so that the slice fits.
Shape dynamic_start(const array& starts, const std::vector<int>& axes, const Shape& full, const Shape& part) {
  Shape start(full.size(), 0);
  const array in_order = row_contiguous(starts);
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i]);
    start[axis] = std::clamp<int64_t>(in_order.data<int64_t>()[i], 0, full[axis] - part[axis]);
  }
  return start;
}

void slice(const Slice& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  array& out = outputs[0];
  if (out.size() == 0) return allocate(out);
  Strides strides = scaled(x.strides(), primitive.strides, out.shape());
  const auto [flags, data_size] = layout_of(out.shape(), strides);
  out.share_buffer(x, std::move(strides), flags, data_size, dot(primitive.start, x.strides()));
}

void dynamic_slice(const DynamicSlice& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  array& out = outputs[0];
  if (out.size() == 0) return allocate(out);
  const Shape start = dynamic_start(inputs[1], primitive.axes, x.shape(), out.shape());
  const auto [flags, data_size] = layout_of(out.shape(), x.strides());
  out.share_buffer(x, x.strides(), flags, data_size, dot(start, x.strides()));
}

void slice_update(const SliceUpdate& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& update = inputs[1];
  array& out = outputs[0];
  start_from(inputs[0], out);
  if (update.size() == 0) return;
  copy_elements(update.data<std::byte>(), update.strides(), element(out, dot(primitive.start, out.strides())),
                scaled(out.strides(), primitive.strides, update.shape()), update.shape(), out.itemsize());
}

void dynamic_slice_update(const DynamicSliceUpdate& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& update = inputs[1];
  array& out = outputs[0];
  start_from(inputs[0], out);
  if (update.size() == 0) return;
  const Shape start = dynamic_start(inputs[2], primitive.axes, out.shape(), update.shape());
  copy_elements(update.data<std::byte>(), update.strides(), element(out, dot(start, out.strides())), out.strides(),
                update.shape(), out.itemsize());
}

/// Where the place in `a` that position i of the index arrays names begins, in elements.
int64_t indexed_offset(const array& a, std::span<const array> indices, const std::vector<int>& axes,
                       const Shape& slice_sizes, int64_t i, std::string_view op) {
  int64_t offset = 0;
  for (size_t j = 0; j < indices.size(); ++j) {
    const auto axis = static_cast<size_t>(axes[j]);
    const int64_t at = checked_index(indices[j].data<int64_t>()[i], a.shape()[axis], op);
    if (at + slice_sizes[axis] > a.shape()[axis]) {
      fail_as<std::out_of_range>("[{}] a slice of {} does not fit behind index {} of an axis of {}", op,
                                 slice_sizes[axis], at, a.shape()[axis]);
    }
    offset += at * a.strides()[axis];
  }
  return offset;
}

std::vector<array> ordered_indices(std::span<array> inputs, size_t first) {
  std::vector<array> out;
  for (size_t i = first; i < inputs.size(); ++i) out.push_back(row_contiguous(inputs[i]));
  return out;
}

void gather(const Gather& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const std::vector<array> indices = ordered_indices(inputs, 1);
  int64_t slice_elements = 1;
  for (const ShapeElem length : primitive.slice_sizes) slice_elements *= length;
  const Strides slice_strides = row_contiguous_strides(primitive.slice_sizes);
  const int64_t places = static_cast<int64_t>(out.size()) / slice_elements;
  ThreadPool::global().parallel_for(places, std::max<int64_t>(1, 16384 / slice_elements), [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) {
      const int64_t offset = indexed_offset(x, indices, primitive.axes, primitive.slice_sizes, i, "gather");
      copy_elements(element(x, offset), x.strides(), element(out, i * slice_elements), slice_strides,
                    primitive.slice_sizes, out.itemsize());
    }
  });
}

template <typename T>
void combine(T& place, T update, UpdateMode mode) {
  switch (mode) {
    case UpdateMode::assign:
      place = update;
      return;
    case UpdateMode::add:
      place = static_cast<T>(place + update);
      return;
    case UpdateMode::prod:
      if constexpr (std::is_same_v<T, bool>) {
        place = place && update;
      } else {
        place = static_cast<T>(place * update);
      }
      return;
    default:
      break;
  }
  if constexpr (std::is_same_v<T, complex64_t>) {
    const bool less = update.real() != place.real() ? update.real() < place.real() : update.imag() < place.imag();
    if (less == (mode == UpdateMode::min)) place = update;
  } else {
    if (mode == UpdateMode::max ? update > place : update < place) place = update;
  }
}

void scatter(const Scatter& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  const array& updates = inputs[1];
  start_from(inputs[0], out);
  if (updates.size() == 0) return;
  const std::vector<array> indices = ordered_indices(inputs, 2);
  const size_t index_axes = updates.ndim() - out.ndim();
  const Shape slice_shape(updates.shape().begin() + static_cast<int64_t>(index_axes), updates.shape().end());
  const Strides update_strides(updates.strides().begin() + static_cast<int64_t>(index_axes), updates.strides().end());
  const StridedLoop<2> slice_loop(slice_shape, {update_strides, out.strides()});
  const Shape index_shape(updates.shape().begin(), updates.shape().begin() + static_cast<int64_t>(index_axes));
  const StridedLoop<1> place_loop(
      index_shape, {Strides(updates.strides().begin(), updates.strides().begin() + static_cast<int64_t>(index_axes))});
  dispatch(out.dtype(), [&]<typename T>(T) {
    place_loop.run(0, place_loop.size(), [&](const std::array<int64_t, 1>& starts, int64_t count, int64_t position) {
      for (int64_t i = 0; i < count; ++i) {
        const T* from = updates.data<T>() + starts[0] + i * place_loop.strides[0].back();
        T* to = out.data<T>() + indexed_offset(out, indices, primitive.axes, slice_shape, position + i, "scatter");
        slice_loop.run(0, slice_loop.size(), [&](const std::array<int64_t, 2>& offsets, int64_t n, int64_t) {
          for (int64_t j = 0; j < n; ++j) {
            combine(to[offsets[1] + j * slice_loop.strides[1].back()],
                    from[offsets[0] + j * slice_loop.strides[0].back()], primitive.mode);
          }
        });
      }
    });
  });
}

/// Calls body(offsets into the arrays) for all places of the indices in order.
template <size_t N, typename Body>
void for_places(const Shape& index_shape, const std::array<Strides, N>& strides, Body body) {
  const StridedLoop<N> loop(index_shape, strides);
  loop.run(0, loop.size(), [&](const std::array<int64_t, N>& offsets, int64_t count, int64_t) {
    for (int64_t i = 0; i < count; ++i) {
      std::array<int64_t, N> at = offsets;
      for (size_t j = 0; j < N; ++j) at[j] += i * loop.strides[j].back();
      body(at);
    }
  });
}

/// Strides of an array that is looked into: its place on the axis comes from the index.
Strides without_axis(const array& a, int axis) {
  Strides strides = a.strides();
  strides[static_cast<size_t>(axis)] = 0;
  return strides;
}

void gather_axis(const GatherAxis& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  const array& indices = inputs[1];
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const int64_t stride = x.strides(primitive.axis);
  const int64_t length = x.shape(primitive.axis);
  dispatch(out.dtype(), [&]<typename T>(T) {
    for_places<3>(indices.shape(), {without_axis(x, primitive.axis), indices.strides(), out.strides()},
                  [&](const std::array<int64_t, 3>& at) {
                    const int64_t index = checked_index(indices.data<int64_t>()[at[1]], length, "take_along_axis");
                    out.data<T>()[at[2]] = x.data<T>()[at[0] + index * stride];
                  });
  });
}

void scatter_axis(const ScatterAxis& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array& indices = inputs[1];
  const array& updates = inputs[2];
  array& out = outputs[0];
  start_from(inputs[0], out);
  if (updates.size() == 0) return;
  const int64_t stride = out.strides(primitive.axis);
  const int64_t length = out.shape(primitive.axis);
  dispatch(out.dtype(), [&]<typename T>(T) {
    for_places<3>(indices.shape(), {without_axis(out, primitive.axis), indices.strides(), updates.strides()},
                  [&](const std::array<int64_t, 3>& at) {
                    const int64_t index = checked_index(indices.data<int64_t>()[at[1]], length, "put_along_axis");
                    combine(out.data<T>()[at[0] + index * stride], updates.data<T>()[at[2]], primitive.mode);
                  });
  });
}

}  // namespace

void register_index(Backend& backend) {
  backend.add<Slice, slice>();
  backend.add<SliceUpdate, slice_update>();
  backend.add<DynamicSlice, dynamic_slice>();
  backend.add<DynamicSliceUpdate, dynamic_slice_update>();
  backend.add<Gather, gather>();
  backend.add<Scatter, scatter>();
  backend.add<GatherAxis, gather_axis>();
  backend.add<ScatterAxis, scatter_axis>();
}

}  // namespace mica::cpu
