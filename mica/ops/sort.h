#pragma once

#include <optional>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

// Along an axis (the last one), or of the flattened array without one where the overload has no axis. Sorts are stable
// and ascending; NaN comes last. Indices are uint32.

/// The elements in order.
array sort(const array& a, StreamOrDevice s = {});
array sort(const array& a, int axis, StreamOrDevice s = {});
/// The indices (uint32) that put the elements in order.
array argsort(const array& a, StreamOrDevice s = {});
array argsort(const array& a, int axis, StreamOrDevice s = {});

/// The kth element comes where sorting would put it, smaller ones before, larger ones after it.
array partition(const array& a, int kth, StreamOrDevice s = {});
array partition(const array& a, int kth, int axis, StreamOrDevice s = {});
array argpartition(const array& a, int kth, StreamOrDevice s = {});
array argpartition(const array& a, int kth, int axis, StreamOrDevice s = {});

/// The k largest elements, in no particular order.
array topk(const array& a, int k, StreamOrDevice s = {});
array topk(const array& a, int k, int axis, StreamOrDevice s = {});

// Running totals. `reverse` starts at the end; without `inclusive` each place holds the total of those before it. Sums
// and products keep the dtype (a sum of bool is int32) unless `dtype` names the one to compute in.

/// Running sums.
array cumsum(const array& a, int axis, bool reverse = false, bool inclusive = true,
             std::optional<Dtype> dtype = std::nullopt, StreamOrDevice s = {});
array cumsum(const array& a, bool reverse = false, bool inclusive = true, std::optional<Dtype> dtype = std::nullopt,
             StreamOrDevice s = {});
/// Running products.
array cumprod(const array& a, int axis, bool reverse = false, bool inclusive = true,
              std::optional<Dtype> dtype = std::nullopt, StreamOrDevice s = {});
array cumprod(const array& a, bool reverse = false, bool inclusive = true, std::optional<Dtype> dtype = std::nullopt,
              StreamOrDevice s = {});
inline array cumsum(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return cumsum(a, axis, reverse, inclusive, std::nullopt, s);
}
inline array cumsum(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return cumsum(a, reverse, inclusive, std::nullopt, s);
}
inline array cumprod(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return cumprod(a, axis, reverse, inclusive, std::nullopt, s);
}
inline array cumprod(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return cumprod(a, reverse, inclusive, std::nullopt, s);
}
/// The largest, smallest element so far; log Σ exp so far.
array cummax(const array& a, int axis, bool reverse = false, bool inclusive = true, StreamOrDevice s = {});
array cummax(const array& a, bool reverse = false, bool inclusive = true, StreamOrDevice s = {});
array cummin(const array& a, int axis, bool reverse = false, bool inclusive = true, StreamOrDevice s = {});
array cummin(const array& a, bool reverse = false, bool inclusive = true, StreamOrDevice s = {});
array logcumsumexp(const array& a, int axis, bool reverse = false, bool inclusive = true, StreamOrDevice s = {});
array logcumsumexp(const array& a, bool reverse = false, bool inclusive = true, StreamOrDevice s = {});

/// The n-th difference between neighbours along the axis; of bool, whether they differ. Throws std::invalid_argument
/// for a negative n or a scalar.
array diff(const array& a, int n = 1, int axis = -1, StreamOrDevice s = {});

/// Over the last axis.
struct Sort final : PrimitiveOf<Sort> {
  Sort(Stream stream, bool give_indices) : PrimitiveOf(stream), indices(give_indices) {}
  std::string_view name() const override { return indices ? "argsort" : "sort"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(indices); }
  bool indices;
};

/// Over the last axis.
struct Partition final : PrimitiveOf<Partition> {
  Partition(Stream stream, bool give_indices, ShapeElem k) : PrimitiveOf(stream), indices(give_indices), kth(k) {}
  std::string_view name() const override { return indices ? "argpartition" : "partition"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(indices, kth); }
  bool indices;
  ShapeElem kth;
};

/// What a Scan makes of the elements so far.
enum class ScanOp { sum, prod, max, min, logaddexp };

/// Over the last axis.
struct Scan final : PrimitiveOf<Scan> {
  Scan(Stream stream, ScanOp scan_op, bool from_end, bool include_self)
      : PrimitiveOf(stream), op(scan_op), reverse(from_end), inclusive(include_self) {}
  std::string_view name() const override;
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(op, reverse, inclusive); }
  ScanOp op;
  bool reverse;
  bool inclusive;
};

}  // namespace mica
