#pragma once

#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

// Over all axes, several or one. Sums of float16 and bfloat16 are taken in float32 and rounded once. Small integers and
// bool are summed and multiplied in int32 or uint32. An empty max or min throws std::invalid_argument.

#define MICA_REDUCTION(name)                                                                              \
  array name(const array& a, bool keepdims, StreamOrDevice s = {});                                       \
  inline array name(const array& a, StreamOrDevice s = {}) {                                              \
    return name(a, false, s);                                                                             \
  }                                                                                                       \
  array name(const array& a, const std::vector<int>& axes, bool keepdims = false, StreamOrDevice s = {}); \
  inline array name(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {}) {             \
    return name(a, std::vector<int>{axis}, keepdims, s);                                                  \
  }
/// Whether all elements are true, or any; bool.
MICA_REDUCTION(all)
MICA_REDUCTION(any)
/// Sums and products.
MICA_REDUCTION(sum)
MICA_REDUCTION(prod)
/// The largest and the smallest element; NaN if one is NaN.
MICA_REDUCTION(max)
MICA_REDUCTION(min)
/// The mean, floating; of integers and bool float32.
MICA_REDUCTION(mean)
/// log Σ exp, without overflow.
MICA_REDUCTION(logsumexp)
#undef MICA_REDUCTION

/// Variance and standard deviation with divisor N − ddof.
array var(const array& a, bool keepdims, int ddof = 0, StreamOrDevice s = {});
array var(const array& a, const std::vector<int>& axes, bool keepdims = false, int ddof = 0, StreamOrDevice s = {});
array var(const array& a, int axis, bool keepdims = false, int ddof = 0, StreamOrDevice s = {});
array std(const array& a, bool keepdims, int ddof = 0, StreamOrDevice s = {});
inline array var(const array& a, StreamOrDevice s = {}) {
  return var(a, false, 0, s);
}
inline array std(const array& a, StreamOrDevice s = {}) {
  return std(a, false, 0, s);
}
array std(const array& a, const std::vector<int>& axes, bool keepdims = false, int ddof = 0, StreamOrDevice s = {});
array std(const array& a, int axis, bool keepdims = false, int ddof = 0, StreamOrDevice s = {});

/// Index (uint32) of the first largest or smallest element; NaN counts as the largest and the smallest.
array argmax(const array& a, bool keepdims, StreamOrDevice s = {});
inline array argmax(const array& a, StreamOrDevice s = {}) {
  return argmax(a, false, s);
}
array argmax(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});
array argmin(const array& a, bool keepdims, StreamOrDevice s = {});
inline array argmin(const array& a, StreamOrDevice s = {}) {
  return argmin(a, false, s);
}
array argmin(const array& a, int axis, bool keepdims = false, StreamOrDevice s = {});

/// exp(a) / Σ exp(a), computed in float32 at least (`precise` is accepted for MLX's sake and changes nothing).
array softmax(const array& a, const std::vector<int>& axes, bool precise = false, StreamOrDevice s = {});
array softmax(const array& a, bool precise = false, StreamOrDevice s = {});
array softmax(const array& a, int axis, bool precise = false, StreamOrDevice s = {});

/// Whether shapes and all elements are equal (with `equal_nan` NaN equals NaN), and whether all are close; bool
/// scalars.
array array_equal(const array& a, const array& b, bool equal_nan, StreamOrDevice s = {});
array array_equal(const array& a, const array& b, StreamOrDevice s = {});
array allclose(const array& a, const array& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false,
               StreamOrDevice s = {});

/// What a Reduce does with the elements.
enum class ReduceOp { all, any, sum, prod, max, min, logsumexp };

/// Keeps the reduced axes with length 1; the op removes them where asked.
struct Reduce final : PrimitiveOf<Reduce> {
  Reduce(Stream stream, ReduceOp reduce_op, std::vector<int> reduced_axes)
      : PrimitiveOf(stream), op(reduce_op), axes(std::move(reduced_axes)) {}
  std::string_view name() const override;
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(op, axes); }
  ReduceOp op;
  std::vector<int> axes;
};

/// The first place of the largest or smallest element along an axis, which stays with length 1; uint32.
struct ArgReduce final : PrimitiveOf<ArgReduce> {
  ArgReduce(Stream stream, bool largest, int reduced_axis) : PrimitiveOf(stream), max(largest), axis(reduced_axis) {}
  std::string_view name() const override { return max ? "argmax" : "argmin"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(max, axis); }
  bool max;
  int axis;
};

/// Over the last axis.
struct Softmax final : PrimitiveOf<Softmax> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "softmax"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

}  // namespace mica
