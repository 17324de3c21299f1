#include "mica/ops/reduce.h"

#include <algorithm>
#include <stdexcept>

#include "mica/array/tracing.h"
#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/common.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"
#include "mica/ops/size.h"

namespace mica {
namespace {

constexpr std::string_view kNames[] = {"all", "any", "sum", "prod", "max", "min", "logsumexp"};

std::vector<int> sorted_axes(const array& a, const std::vector<int>& axes, std::string_view op) {
  std::vector<int> out;
  out.reserve(axes.size());
  for (const int axis : axes) out.push_back(normalize_axis(axis, a.ndim(), op));
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end()) {
    fail_as<std::invalid_argument>("[{}] an axis is named twice", op);
  }
  return out;
}

array reduce(const array& a, ReduceOp op, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const auto name = kNames[static_cast<size_t>(op)];
  const std::vector<int> reduced = sorted_axes(a, axes, name);
  const array kept = apply<Reduce>({a}, to_stream(s), op, reduced);
  return keepdims ? kept : squeeze(kept, reduced, s);
}

double element_count(const array& a, const std::vector<int>& axes) {
  double count = 1;
  for (const int axis : axes) count *= static_cast<double>(a.shape(normalize_axis(axis, a.ndim(), "mean")));
  return count;
}

array arg_reduce(const array& a, bool largest, int axis, bool keepdims, StreamOrDevice s) {
  const int along = normalize_axis(axis, a.ndim(), largest ? "argmax" : "argmin");
  const array kept = apply<ArgReduce>({a}, to_stream(s), largest, along);
  return keepdims ? kept : squeeze(kept, along, s);
}

array arg_reduce_all(const array& a, bool largest, bool keepdims, StreamOrDevice s) {
  const array index = arg_reduce(flatten(a, s), largest, 0, true, s);
  return reshape(index, keepdims ? Shape(a.ndim(), 1) : Shape{}, s);
}

/// The number of elements along the axes less `ddof`; in the graph where a trace is to follow other lengths.
array divisor(const array& a, const std::vector<int>& axes, int ddof, Dtype dtype, StreamOrDevice s) {
  if (!ShapelessTracing::current()) return array(element_count(a, axes) - ddof, dtype);
  const array count = number_of_elements(a, axes, false, dtype, s);
  return ddof == 0 ? count : subtract(count, array(ddof, dtype), s);
}

}  // namespace

std::string_view Reduce::name() const {
  return kNames[static_cast<size_t>(op)];
}

std::vector<OutputSpec> Reduce::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_axes(axes, inputs[0], name());
  const array& a = inputs[0];
  Shape shape = a.shape();
  for (const int axis : axes) {
    ShapeElem& length = shape[static_cast<size_t>(axis)];
    if (length == 0 && (op == ReduceOp::max || op == ReduceOp::min)) {
      fail_as<std::invalid_argument>("[{}] an empty axis has none", name());
    }
    length = 1;
  }
  Dtype dtype = a.dtype();
  if (op == ReduceOp::all || op == ReduceOp::any) dtype = bool_;
  if (op == ReduceOp::sum || op == ReduceOp::prod) {
    if (dtype == bool_ || (issubdtype(dtype, signedinteger) && dtype.size() < 4)) dtype = int32;
    if (issubdtype(dtype, unsignedinteger) && dtype.size() < 4) dtype = uint32;
  }
  return {{std::move(shape), dtype}};
}

std::vector<OutputSpec> ArgReduce::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_axis(axis, inputs[0], name());
  Shape shape = inputs[0].shape();
  ShapeElem& length = shape[static_cast<size_t>(axis)];
  if (length == 0) fail_as<std::invalid_argument>("[{}] an empty axis has none", name());
  length = 1;
  return {{std::move(shape), uint32}};
}

std::vector<OutputSpec> Softmax::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_ndim(inputs[0], 1, name());
  check_category(inputs[0], floating, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

#define MICA_REDUCTION(name)                                                                  \
  array name(const array& a, bool keepdims, StreamOrDevice s) {                               \
    return name(a, all_axes(a), keepdims, s);                                                 \
  }                                                                                           \
  array name(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) { \
    return reduce(a, ReduceOp::name, axes, keepdims, s);                                      \
  }
MICA_REDUCTION(all)
MICA_REDUCTION(any)
MICA_REDUCTION(sum)
MICA_REDUCTION(prod)
MICA_REDUCTION(max)
MICA_REDUCTION(min)
#undef MICA_REDUCTION

array logsumexp(const array& a, bool keepdims, StreamOrDevice s) {
  return logsumexp(a, all_axes(a), keepdims, s);
}
array logsumexp(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  return reduce(astype(a, at_least_float(a.dtype()), s), ReduceOp::logsumexp, axes, keepdims, s);
}

array mean(const array& a, bool keepdims, StreamOrDevice s) {
  return mean(a, all_axes(a), keepdims, s);
}
array mean(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const Dtype dtype = at_least_float(a.dtype());
  // Halves are summed and divided in float32: their sum need not fit into the type that their mean fits into.
  const Dtype compute = dtype == float16 || dtype == bfloat16 ? float32 : dtype;
  const array total = sum(astype(a, compute, s), axes, keepdims, s);
  return astype(divide(total, divisor(a, axes, 0, compute, s), s), dtype, s);
}

array var(const array& a, const std::vector<int>& axes, bool keepdims, int ddof, StreamOrDevice s) {
  const Dtype dtype = at_least_float(a.dtype());
  const Dtype compute = dtype == float16 || dtype == bfloat16 ? float32 : dtype;
  const array x = astype(a, compute, s);
  const array deviation = abs(subtract(x, mean(x, axes, true, s), s), s);
  const array total = sum(square(deviation, s), axes, keepdims, s);
  return astype(divide(total, divisor(a, axes, ddof, total.dtype(), s), s), dtype == complex64 ? float32 : dtype, s);
}
array var(const array& a, bool keepdims, int ddof, StreamOrDevice s) {
  return var(a, all_axes(a), keepdims, ddof, s);
}
array var(const array& a, int axis, bool keepdims, int ddof, StreamOrDevice s) {
  return var(a, std::vector<int>{axis}, keepdims, ddof, s);
}
array std(const array& a, const std::vector<int>& axes, bool keepdims, int ddof, StreamOrDevice s) {
  return sqrt(var(a, axes, keepdims, ddof, s), s);
}
array std(const array& a, bool keepdims, int ddof, StreamOrDevice s) {
  return sqrt(var(a, keepdims, ddof, s), s);
}
array std(const array& a, int axis, bool keepdims, int ddof, StreamOrDevice s) {
  return sqrt(var(a, axis, keepdims, ddof, s), s);
}

array argmax(const array& a, bool keepdims, StreamOrDevice s) {
  return arg_reduce_all(a, true, keepdims, s);
}
array argmax(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return arg_reduce(a, true, axis, keepdims, s);
}
array argmin(const array& a, bool keepdims, StreamOrDevice s) {
  return arg_reduce_all(a, false, keepdims, s);
}
array argmin(const array& a, int axis, bool keepdims, StreamOrDevice s) {
  return arg_reduce(a, false, axis, keepdims, s);
}

array softmax(const array& a, const std::vector<int>& axes, bool, StreamOrDevice s) {
  array x = astype(a, at_least_float(a.dtype()), s);
  if (x.size() == 0) return x;
  const std::vector<int> over = sorted_axes(x, axes, "softmax");
  if (over.size() == 1 && over[0] == static_cast<int>(x.ndim()) - 1 && x.dtype() != complex64) {
    return apply<Softmax>({x}, to_stream(s));
  }
  if (over.empty()) return x;
  const array shifted = exp(subtract(x, max(x, over, true, s), s), s);
  return divide(shifted, sum(shifted, over, true, s), s);
}
array softmax(const array& a, bool precise, StreamOrDevice s) {
  return softmax(a, all_axes(a), precise, s);
}
array softmax(const array& a, int axis, bool precise, StreamOrDevice s) {
  return softmax(a, std::vector<int>{axis}, precise, s);
}

array array_equal(const array& a, const array& b, bool equal_nan, StreamOrDevice s) {
  if (a.shape() != b.shape()) return array(false);
  const array same = equal(a, b, s);
  return all(equal_nan ? logical_or(same, logical_and(isnan(a, s), isnan(b, s), s), s) : same, false, s);
}
array array_equal(const array& a, const array& b, StreamOrDevice s) {
  return array_equal(a, b, false, s);
}
array allclose(const array& a, const array& b, double rtol, double atol, bool equal_nan, StreamOrDevice s) {
  return all(isclose(a, b, rtol, atol, equal_nan, s), false, s);
}

}  // namespace mica
