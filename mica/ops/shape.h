#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

// Arranging elements. Axes may be negative and then count from the end; a wrong axis or shape throws
// std::invalid_argument. Where the layout allows it, the result is a view of the same memory.

/// One length may be −1: it follows from the others.
array reshape(const array& a, Shape shape, StreamOrDevice s = {});
array unflatten(const array& a, int axis, Shape shape, StreamOrDevice s = {});
array flatten(const array& a, int start_axis, int end_axis = -1, StreamOrDevice s = {});
array flatten(const array& a, StreamOrDevice s = {});
array squeeze(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array squeeze(const array& a, int axis, StreamOrDevice s = {});
array squeeze(const array& a, StreamOrDevice s = {});
array expand_dims(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array expand_dims(const array& a, int axis, StreamOrDevice s = {});
array atleast_1d(const array& a, StreamOrDevice s = {});
array atleast_2d(const array& a, StreamOrDevice s = {});
array atleast_3d(const array& a, StreamOrDevice s = {});
std::vector<array> atleast_1d(const std::vector<array>& a, StreamOrDevice s = {});
std::vector<array> atleast_2d(const std::vector<array>& a, StreamOrDevice s = {});
std::vector<array> atleast_3d(const std::vector<array>& a, StreamOrDevice s = {});

/// The axes in another order (reversed, without one): a view. Throws std::invalid_argument unless each is named once.
array transpose(const array& a, std::vector<int> axes, StreamOrDevice s = {});
inline array transpose(const array& a, std::initializer_list<int> axes, StreamOrDevice s = {}) {
  return transpose(a, std::vector<int>(axes), s);
}
array transpose(const array& a, StreamOrDevice s = {});
/// The last two axes exchanged; two axes exchanged; one axis moved to another place: views.
array matrix_transpose(const array& a, StreamOrDevice s = {});
array swapaxes(const array& a, int axis1, int axis2, StreamOrDevice s = {});
array moveaxis(const array& a, int source, int destination, StreamOrDevice s = {});
/// The elements backwards along the axes (all without them): a view.
array flip(const array& a, const std::vector<int>& axes, StreamOrDevice s = {});
array flip(const array& a, int axis, StreamOrDevice s = {});
array flip(const array& a, StreamOrDevice s = {});

/// The array repeated to the shape: a view. Arrays repeated to their common shape.
array broadcast_to(const array& a, const Shape& shape, StreamOrDevice s = {});
std::vector<array> broadcast_arrays(const std::vector<array>& inputs, StreamOrDevice s = {});

/// A view with any strides and offset, in elements of `a` made row-contiguous; checked against its size.
array as_strided(const array& a, Shape shape, Strides strides, size_t offset, StreamOrDevice s = {});
/// The same bytes as another type; the last axis grows or shrinks with the size of the elements.
array view(const array& a, const Dtype& dtype, StreamOrDevice s = {});
array copy(array a, StreamOrDevice s = {});
/// The array itself if its memory is in C order (or Fortran order, if allowed), else a copy.
array contiguous(const array& a, bool allow_col_major = false, StreamOrDevice s = {});

/// The arrays one after the other along an axis (flattened without one), in the dtype that they promote to.
array concatenate(std::vector<array> arrays, int axis, StreamOrDevice s = {});
array concatenate(std::vector<array> arrays, StreamOrDevice s = {});
/// Arrays of one shape along a new axis.
array stack(const std::vector<array>& arrays, int axis, StreamOrDevice s = {});
array stack(const std::vector<array>& arrays, StreamOrDevice s = {});
/// Equal parts along an axis, or the parts between indices.
std::vector<array> split(const array& a, int num_splits, int axis, StreamOrDevice s = {});
std::vector<array> split(const array& a, int num_splits, StreamOrDevice s = {});
std::vector<array> split(const array& a, const Shape& indices, int axis, StreamOrDevice s = {});
std::vector<array> split(const array& a, const Shape& indices, StreamOrDevice s = {});
/// The slices along an axis, without it.
std::vector<array> unstack(const array& a, int axis, StreamOrDevice s = {});
std::vector<array> unstack(const array& a, StreamOrDevice s = {});
/// Each element (slice) several times.
array repeat(const array& arr, int repeats, int axis, StreamOrDevice s = {});
array repeat(const array& arr, int repeats, StreamOrDevice s = {});
/// The whole array several times along each axis.
array tile(const array& arr, std::vector<int> reps, StreamOrDevice s = {});
/// Elements moved along the axes; those that fall off come in at the other end.
array roll(const array& a, int shift, StreamOrDevice s = {});
array roll(const array& a, int shift, int axis, StreamOrDevice s = {});
/// Several shifts of the flattened array or of one axis add up; one shift for several axes goes for each.
array roll(const array& a, const Shape& shift, StreamOrDevice s = {});
array roll(const array& a, int shift, const std::vector<int>& axes, StreamOrDevice s = {});
array roll(const array& a, const Shape& shift, int axis, StreamOrDevice s = {});
array roll(const array& a, const Shape& shift, const std::vector<int>& axes, StreamOrDevice s = {});
/// mode: constant, edge, reflect or symmetric.
array pad(const array& a, const std::vector<int>& axes, const Shape& low_pad_size, const Shape& high_pad_size,
          const array& pad_value = array(0), const std::string& mode = "constant", StreamOrDevice s = {});
array pad(const array& a, const std::vector<std::pair<int, int>>& pad_width, const array& pad_value = array(0),
          const std::string& mode = "constant", StreamOrDevice s = {});
array pad(const array& a, const std::pair<int, int>& pad_width, const array& pad_value = array(0),
          const std::string& mode = "constant", StreamOrDevice s = {});
array pad(const array& a, int pad_width, const array& pad_value = array(0), const std::string& mode = "constant",
          StreamOrDevice s = {});
array diagonal(const array& a, int offset = 0, int axis1 = 0, int axis2 = 1, StreamOrDevice s = {});
array diag(const array& a, int k = 0, StreamOrDevice s = {});
std::vector<array> meshgrid(const std::vector<array>& arrays, bool sparse = false, const std::string& indexing = "xy",
                            StreamOrDevice s = {});

/// `axis` in 0 … ndim − 1; throws std::invalid_argument starting with "[op]".
int normalize_axis(int axis, size_t ndim, std::string_view op);

// Primitives.

/// The elements in order under another shape; one length may be −1, which follows from the others.
struct Reshape final : PrimitiveOf<Reshape> {
  Reshape(Stream stream, Shape target) : PrimitiveOf(stream), shape(std::move(target)) {}
  std::string_view name() const override { return "reshape"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(shape); }
  Shape shape;
};

/// Axis i of the output is axis axes[i] of the input: a view.
struct Transpose final : PrimitiveOf<Transpose> {
  Transpose(Stream stream, std::vector<int> order) : PrimitiveOf(stream), axes(std::move(order)) {}
  std::string_view name() const override { return "transpose"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axes); }
  std::vector<int> axes;
};

/// The input repeated along axes: a view.
struct Broadcast final : PrimitiveOf<Broadcast> {
  Broadcast(Stream stream, Shape target) : PrimitiveOf(stream), shape(std::move(target)) {}
  std::string_view name() const override { return "broadcast_to"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(shape); }
  Shape shape;
};

/// A view with strides of its own of a contiguous input.
struct AsStrided final : PrimitiveOf<AsStrided> {
  AsStrided(Stream stream, Shape view_shape, Strides view_strides, size_t view_offset)
      : PrimitiveOf(stream), shape(std::move(view_shape)), strides(std::move(view_strides)), offset(view_offset) {}
  std::string_view name() const override { return "as_strided"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(shape, strides, offset); }
  Shape shape;
  Strides strides;
  size_t offset;
};

/// The bytes as another dtype.
struct View final : PrimitiveOf<View> {
  View(Stream stream, Dtype target) : PrimitiveOf(stream), dtype(target) {}
  std::string_view name() const override { return "view"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(dtype); }
  Dtype dtype;
};

/// Copies; with `if_needed`, only what is not in C (or, if allowed, Fortran) order already.
struct Copy final : PrimitiveOf<Copy> {
  Copy(Stream stream, bool only_if_needed, bool col_major)
      : PrimitiveOf(stream), if_needed(only_if_needed), allow_col_major(col_major) {}
  std::string_view name() const override { return if_needed ? "contiguous" : "copy"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(if_needed, allow_col_major); }
  bool if_needed;
  bool allow_col_major;
};

/// Inputs of one dtype one after the other along an axis.
struct Concatenate final : PrimitiveOf<Concatenate> {
  Concatenate(Stream stream, int concatenated_axis) : PrimitiveOf(stream), axis(concatenated_axis) {}
  std::string_view name() const override { return "concatenate"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axis); }
  int axis;
};

}  // namespace mica
