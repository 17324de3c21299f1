#pragma once

#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

// Slices follow Python: negative bounds count from the end, bounds beyond the array are cut, strides may be negative.
// Index arrays may hold negative indices; an index outside of the axis throws std::out_of_range when it is computed.

/// The elements from start up to stop in steps of strides along each axis, as Python's slices: a view.
array slice(const array& a, const Shape& start, const Shape& stop, Shape strides, StreamOrDevice s = {});
/// For bounds written in braces, which would fit the overload with dynamic starts too.
inline array slice(const array& a, std::initializer_list<int> start, const Shape& stop, Shape strides,
                   StreamOrDevice s = {}) {
  return slice(a, Shape(start.begin(), start.end()), stop, std::move(strides), s);
}
array slice(const array& a, const Shape& start, const Shape& stop, StreamOrDevice s = {});
/// A slice whose starts along `axes` are known only when it is computed; they are moved so that it fits.
array slice(const array& a, const array& start, std::vector<int> axes, Shape slice_size, StreamOrDevice s = {});

/// `src` with the slice replaced by `update` (broadcast to it).
array slice_update(const array& src, const array& update, const Shape& start, const Shape& stop, Shape strides,
                   StreamOrDevice s = {});
array slice_update(const array& src, const array& update, const Shape& start, const Shape& stop, StreamOrDevice s = {});
/// For bounds written in braces, which would fit the overload with dynamic starts too.
inline array slice_update(const array& src, const array& update, std::initializer_list<ShapeElem> start,
                          const Shape& stop, StreamOrDevice s = {}) {
  return slice_update(src, update, Shape(start), stop, s);
}
array slice_update(const array& src, const array& update, const array& start, std::vector<int> axes,
                   StreamOrDevice s = {});

/// The slice combined with `update` instead of replaced.
array slice_update_add(const array& src, const array& update, const Shape& start, const Shape& stop, Shape strides,
                       StreamOrDevice s = {});
array slice_update_add(const array& src, const array& update, const Shape& start, const Shape& stop,
                       StreamOrDevice s = {});
array slice_update_prod(const array& src, const array& update, const Shape& start, const Shape& stop, Shape strides,
                        StreamOrDevice s = {});
array slice_update_prod(const array& src, const array& update, const Shape& start, const Shape& stop,
                        StreamOrDevice s = {});
array slice_update_max(const array& src, const array& update, const Shape& start, const Shape& stop, Shape strides,
                       StreamOrDevice s = {});
array slice_update_max(const array& src, const array& update, const Shape& start, const Shape& stop,
                       StreamOrDevice s = {});
array slice_update_min(const array& src, const array& update, const Shape& start, const Shape& stop, Shape strides,
                       StreamOrDevice s = {});
array slice_update_min(const array& src, const array& update, const Shape& start, const Shape& stop,
                       StreamOrDevice s = {});

/// Rows of `a` along `axis` (of the flattened array without one) at the indices; the shape of the indices takes the
/// place of the axis.
array take(const array& a, const array& indices, int axis, StreamOrDevice s = {});
array take(const array& a, int index, int axis, StreamOrDevice s = {});
array take(const array& a, const array& indices, StreamOrDevice s = {});
array take(const array& a, int index, StreamOrDevice s = {});

/// Slices of `slice_sizes` at positions given by index arrays, which are broadcast together, one for each of `axes`.
/// Shape: that of the indices, then slice_sizes.
array gather(const array& a, const std::vector<array>& indices, const std::vector<int>& axes, const Shape& slice_sizes,
             StreamOrDevice s = {});
array gather(const array& a, const array& indices, int axis, const Shape& slice_sizes, StreamOrDevice s = {});

/// The elements at the indices along an axis; elements at the indices replaced, or added to. The other axes are
/// broadcast.
array take_along_axis(const array& a, const array& indices, int axis, StreamOrDevice s = {});
array put_along_axis(const array& a, const array& indices, const array& values, int axis, StreamOrDevice s = {});
array scatter_add_axis(const array& a, const array& indices, const array& values, int axis, StreamOrDevice s = {});

/// What happens to the element that is there: replaced, or combined with the update.
enum class UpdateMode { assign, add, prod, max, min };

/// `a` with `updates` (shape: that of the indices, then a slice shape of a.ndim() axes) put at the indices.
array scatter(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
              StreamOrDevice s = {});
array scatter(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s = {});
array scatter_add(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
                  StreamOrDevice s = {});
array scatter_add(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s = {});
array scatter_prod(const array& a, const std::vector<array>& indices, const array& updates,
                   const std::vector<int>& axes, StreamOrDevice s = {});
array scatter_max(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
                  StreamOrDevice s = {});
array scatter_min(const array& a, const std::vector<array>& indices, const array& updates, const std::vector<int>& axes,
                  StreamOrDevice s = {});
array scatter_prod(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s = {});
array scatter_max(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s = {});
array scatter_min(const array& a, const array& indices, const array& updates, int axis, StreamOrDevice s = {});

/// `a` with the elements where `mask` (bool; its axes are the first ones of `a`) holds replaced by those of `src` in
/// order. A source with one element fills all; one with too few throws std::out_of_range when it is computed.
array masked_scatter(const array& a, const array& mask, const array& src, StreamOrDevice s = {});

// Primitives. Bounds in them are resolved: 0 ≤ start, lengths known.

/// `shape` elements from `start` on in steps of `strides`: a view of the input.
struct Slice final : PrimitiveOf<Slice> {
  Slice(Stream stream, Shape first, Shape result, Shape step)
      : PrimitiveOf(stream), start(std::move(first)), shape(std::move(result)), strides(std::move(step)) {}
  std::string_view name() const override { return "slice"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(start, shape, strides); }
  Shape start;
  Shape shape;
  Shape strides;
};

/// Inputs: source, update (of the slice's shape and the source's dtype).
struct SliceUpdate final : PrimitiveOf<SliceUpdate> {
  SliceUpdate(Stream stream, Shape first, Shape step)
      : PrimitiveOf(stream), start(std::move(first)), strides(std::move(step)) {}
  std::string_view name() const override { return "slice_update"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(start, strides); }
  Shape start;
  Shape strides;
};

/// Inputs: source, starts (int64, one for each of `axes`).
struct DynamicSlice final : PrimitiveOf<DynamicSlice> {
  DynamicSlice(Stream stream, std::vector<int> slice_axes, Shape result)
      : PrimitiveOf(stream), axes(std::move(slice_axes)), shape(std::move(result)) {}
  std::string_view name() const override { return "dynamic_slice"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axes, shape); }
  std::vector<int> axes;
  Shape shape;
};

/// Inputs: source, update, starts (int64).
struct DynamicSliceUpdate final : PrimitiveOf<DynamicSliceUpdate> {
  DynamicSliceUpdate(Stream stream, std::vector<int> slice_axes) : PrimitiveOf(stream), axes(std::move(slice_axes)) {}
  std::string_view name() const override { return "dynamic_slice_update"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axes); }
  std::vector<int> axes;
};

/// Inputs: source, then int64 index arrays of one shape.
struct Gather final : PrimitiveOf<Gather> {
  Gather(Stream stream, std::vector<int> indexed_axes, Shape sizes)
      : PrimitiveOf(stream), axes(std::move(indexed_axes)), slice_sizes(std::move(sizes)) {}
  std::string_view name() const override { return "gather"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axes, slice_sizes); }
  std::vector<int> axes;
  Shape slice_sizes;
};

/// Inputs: source, updates, then int64 index arrays of one shape.
struct Scatter final : PrimitiveOf<Scatter> {
  Scatter(Stream stream, std::vector<int> indexed_axes, UpdateMode update_mode)
      : PrimitiveOf(stream), axes(std::move(indexed_axes)), mode(update_mode) {}
  std::string_view name() const override { return "scatter"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axes, mode); }
  std::vector<int> axes;
  UpdateMode mode;
};

/// Inputs: source, int64 indices; equal lengths outside of the axis.
struct GatherAxis final : PrimitiveOf<GatherAxis> {
  GatherAxis(Stream stream, int indexed_axis) : PrimitiveOf(stream), axis(indexed_axis) {}
  std::string_view name() const override { return "take_along_axis"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axis); }
  int axis;
};

/// Inputs: source, int64 indices, updates of the indices' shape.
struct ScatterAxis final : PrimitiveOf<ScatterAxis> {
  ScatterAxis(Stream stream, int indexed_axis, UpdateMode update_mode)
      : PrimitiveOf(stream), axis(indexed_axis), mode(update_mode) {}
  std::string_view name() const override { return "put_along_axis"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axis, mode); }
  int axis;
  UpdateMode mode;
};

}  // namespace mica
