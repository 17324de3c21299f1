#include "mica/ops/shape.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "mica/base/thread_pool.h"
#include "mica/cpu/copy.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

void view_with(const array& source, array& out, Strides strides, int64_t offset = 0) {
  const auto [flags, data_size] = layout_of(out.shape(), strides);
  out.share_buffer(source, std::move(strides), flags, data_size, offset);
}

/// Strides that show `source` under another shape without moving an element, if there are any.
bool reshaped_strides(const array& source, const Shape& shape, Strides& strides) {
  // Axes of both shapes are matched in groups of equal size; within a group the source must be evenly strided.
  strides.clear();
  size_t from = 0;
  size_t to = 0;
  while (from < source.ndim() || to < shape.size()) {
    ShapeElem from_size = 1;
    ShapeElem to_size = 1;
    const size_t first_to = to;
    std::optional<int64_t> step;  // of the group's last source axis longer than 1
    do {
      if ((from_size <= to_size && from < source.ndim()) || to == shape.size()) {
        const ShapeElem length = source.shape()[from];
        if (length != 1) {
          if (step && *step != source.strides()[from] * length) return false;
          step = source.strides()[from];
          from_size *= length;
        }
        ++from;
      } else {
        to_size *= shape[to++];
      }
    } while (from_size != to_size);
    Strides group(to - first_to, step.value_or(0));
    for (size_t i = group.size(); i-- > 1;) group[i - 1] = group[i] * shape[first_to + i];
    strides.insert(strides.end(), group.begin(), group.end());
  }
  return true;
}

void reshape(const Reshape&, std::span<array> inputs, std::span<array> outputs) {
  array& x = inputs[0];
  array& out = outputs[0];
  Strides strides;
  if (x.size() == 0) return allocate(out);
  if (x.flags().row_contiguous) {
    out.share_buffer(x, row_contiguous_strides(out.shape()), {true, true, out.ndim() <= 1}, x.size());
  } else if (reshaped_strides(x, out.shape(), strides)) {
    view_with(x, out, std::move(strides));
  } else {
    allocate(out);
    copy_elements(x, x.shape(), out.data<std::byte>(), row_contiguous_strides(x.shape()));
  }
}

void transpose(const Transpose& primitive, std::span<array> inputs, std::span<array> outputs) {
  Strides strides;
  for (const int axis : primitive.axes) strides.push_back(inputs[0].strides(axis));
  view_with(inputs[0], outputs[0], std::move(strides));
}

void broadcast(const Broadcast&, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  array& out = outputs[0];
  if (out.size() == 0) return allocate(out);
  Strides strides(out.ndim(), 0);
  const size_t skip = out.ndim() - x.ndim();
  for (size_t i = 0; i < x.ndim(); ++i) strides[skip + i] = x.shape()[i] == 1 ? 0 : x.strides()[i];
  view_with(x, out, std::move(strides));
}

void as_strided(const AsStrided& primitive, std::span<array> inputs, std::span<array> outputs) {
  if (outputs[0].size() == 0) return allocate(outputs[0]);
  view_with(row_contiguous(inputs[0]), outputs[0], primitive.strides, static_cast<int64_t>(primitive.offset));
}

void view(const View&, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  array& out = outputs[0];
  if (out.dtype() == bool_ && x.dtype() != bool_) {
    // A bool is 0 or 1; any other byte counts as true.
    const array source = row_contiguous(x);
    allocate(out);
    const auto* from = source.data<uint8_t>();
    std::transform(from, from + out.size(), out.data<bool>(), [](uint8_t byte) { return byte != 0; });
    return;
  }
  if (x.itemsize() == out.itemsize()) {
    return out.share_buffer(x, x.strides(), x.flags(), x.data_size());
  }
  const array source = row_contiguous(x);
  out.share_buffer(source, row_contiguous_strides(out.shape()), {true, true, out.ndim() <= 1}, out.size());
}

void copy(const Copy& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& x = inputs[0];
  array& out = outputs[0];
  const bool ordered = x.flags().row_contiguous || (primitive.allow_col_major && x.flags().col_contiguous);
  if ((primitive.if_needed && ordered) || (x.is_donatable() && x.flags().row_contiguous)) return out.share_buffer(x);
  allocate(out);
  copy_elements(x, x.shape(), out.data<std::byte>(), out.strides());
}

void concatenate(const Concatenate& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  int64_t offset = 0;
  for (const array& x : inputs) {
    if (x.size() == 0) continue;
    copy_elements(x, x.shape(), out.data<std::byte>() + offset * static_cast<int64_t>(out.itemsize()), out.strides());
    offset += x.shape(primitive.axis) * out.strides(primitive.axis);
  }
}

}  // namespace

array row_contiguous(const array& a) {
  if (a.flags().row_contiguous) return a;
  array out(allocator::malloc(a.nbytes()), a.shape(), a.dtype());
  copy_elements(a, a.shape(), out.data<std::byte>(), out.strides());
  return out;
}

void register_shape(Backend& backend) {
  backend.add<Reshape, reshape>();
  backend.add<Transpose, transpose>();
  backend.add<Broadcast, broadcast>();
  backend.add<AsStrided, as_strided>();
  backend.add<View, view>();
  backend.add<Copy, copy>();
  backend.add<Concatenate, concatenate>();
}

}  // namespace mica::cpu
