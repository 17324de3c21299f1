#include "mica/ops/sort.h"

#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

constexpr std::string_view kScanNames[] = {"cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"};

/// Applies a primitive that works on the last axis to another one.
template <typename P, typename... Args>
array along_axis(const array& a, int axis, StreamOrDevice s, Args... args) {
  const int last = static_cast<int>(a.ndim()) - 1;
  if (axis == last) return apply<P>({a}, to_stream(s), args...);
  return swapaxes(apply<P>({swapaxes(a, axis, last, s)}, to_stream(s), args...), axis, last, s);
}

array sort(const array& a, int axis, bool indices, StreamOrDevice s) {
  return along_axis<Sort>(a, normalize_axis(axis, a.ndim(), indices ? "argsort" : "sort"), s, indices);
}

array partition(const array& a, int kth, int axis, bool indices, StreamOrDevice s) {
  const int along = normalize_axis(axis, a.ndim(), "partition");
  const ShapeElem length = a.shape(along);
  const ShapeElem k = kth < 0 ? kth + length : kth;
  if (k < 0 || k >= length) {
    fail_as<std::invalid_argument>("[partition] there is no element {} in an axis of {}", kth, length);
  }
  return along_axis<Partition>(a, along, s, indices, k);
}

array scan(const array& a, ScanOp op, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  const int along = normalize_axis(axis, a.ndim(), kScanNames[static_cast<size_t>(op)]);
  return along_axis<Scan>(op == ScanOp::sum && a.dtype() == bool_ ? astype(a, int32, s) : a, along, s, op, reverse,
                          inclusive);
}

}  // namespace

std::vector<OutputSpec> Sort::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_ndim(inputs[0], 1, name());
  return {{inputs[0].shape(), indices ? uint32 : inputs[0].dtype()}};
}

std::vector<OutputSpec> Partition::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_ndim(inputs[0], 1, name());
  if (kth < 0 || (kth >= inputs[0].shape(-1) && inputs[0].size() > 0)) {
    fail_as<std::invalid_argument>("[partition] there is no element {} in an axis of {}", kth, inputs[0].shape(-1));
  }
  return {{inputs[0].shape(), indices ? uint32 : inputs[0].dtype()}};
}

std::string_view Scan::name() const {
  return kScanNames[static_cast<size_t>(op)];
}

std::vector<OutputSpec> Scan::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_ndim(inputs[0], 1, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

array sort(const array& a, int axis, StreamOrDevice s) {
  return sort(a, axis, false, s);
}
array sort(const array& a, StreamOrDevice s) {
  return sort(flatten(a, s), 0, false, s);
}
array argsort(const array& a, int axis, StreamOrDevice s) {
  return sort(a, axis, true, s);
}
array argsort(const array& a, StreamOrDevice s) {
  return sort(flatten(a, s), 0, true, s);
}

array partition(const array& a, int kth, int axis, StreamOrDevice s) {
  return partition(a, kth, axis, false, s);
}
array partition(const array& a, int kth, StreamOrDevice s) {
  return partition(flatten(a, s), kth, 0, false, s);
}
array argpartition(const array& a, int kth, int axis, StreamOrDevice s) {
  return partition(a, kth, axis, true, s);
}
array argpartition(const array& a, int kth, StreamOrDevice s) {
  return partition(flatten(a, s), kth, 0, true, s);
}

array topk(const array& a, int k, int axis, StreamOrDevice s) {
  const int along = normalize_axis(axis, a.ndim(), "topk");
  const ShapeElem length = a.shape(along);
  if (k < 0 || k > length) fail_as<std::invalid_argument>("[topk] {} of {} elements", k, length);
  if (k == length) return a;
  Shape start(a.ndim(), 0);
  start[static_cast<size_t>(along)] = length - k;
  const array ordered = k == 0 ? a : partition(a, static_cast<int>(length) - k, along, false, s);
  return slice(ordered, start, a.shape(), s);
}
array topk(const array& a, int k, StreamOrDevice s) {
  return topk(flatten(a, s), k, 0, s);
}

array cumsum(const array& a, int axis, bool reverse, bool inclusive, std::optional<Dtype> dtype, StreamOrDevice s) {
  return scan(dtype ? astype(a, *dtype, s) : a, ScanOp::sum, axis, reverse, inclusive, s);
}
array cumsum(const array& a, bool reverse, bool inclusive, std::optional<Dtype> dtype, StreamOrDevice s) {
  return cumsum(flatten(a, s), 0, reverse, inclusive, dtype, s);
}
array cumprod(const array& a, int axis, bool reverse, bool inclusive, std::optional<Dtype> dtype, StreamOrDevice s) {
  return scan(dtype ? astype(a, *dtype, s) : a, ScanOp::prod, axis, reverse, inclusive, s);
}
array cumprod(const array& a, bool reverse, bool inclusive, std::optional<Dtype> dtype, StreamOrDevice s) {
  return cumprod(flatten(a, s), 0, reverse, inclusive, dtype, s);
}
array cummax(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return scan(a, ScanOp::max, axis, reverse, inclusive, s);
}
array cummax(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return cummax(flatten(a, s), 0, reverse, inclusive, s);
}
array cummin(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return scan(a, ScanOp::min, axis, reverse, inclusive, s);
}
array cummin(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return cummin(flatten(a, s), 0, reverse, inclusive, s);
}
array logcumsumexp(const array& a, int axis, bool reverse, bool inclusive, StreamOrDevice s) {
  return scan(issubdtype(a.dtype(), inexact) ? a : astype(a, float32, s), ScanOp::logaddexp, axis, reverse, inclusive,
              s);
}
array logcumsumexp(const array& a, bool reverse, bool inclusive, StreamOrDevice s) {
  return logcumsumexp(flatten(a, s), 0, reverse, inclusive, s);
}

array diff(const array& a, int n, int axis, StreamOrDevice s) {
  if (n < 0) fail_as<std::invalid_argument>("[diff] the order {} is negative", n);
  const auto along = static_cast<size_t>(normalize_axis(axis, a.ndim(), "diff"));
  array out = a;
  for (; n > 0 && out.shape()[along] > 0; --n) {
    Shape first(a.ndim(), 0);
    Shape last = out.shape();
    const array earlier = [&] {
      Shape stop = out.shape();
      --stop[along];
      return slice(out, first, stop, s);
    }();
    first[along] = 1;
    const array later = slice(out, first, last, s);
    out = a.dtype() == bool_ ? not_equal(later, earlier, s) : subtract(later, earlier, s);
  }
  return out;
}

}  // namespace mica
