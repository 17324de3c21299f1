#pragma once

#include <utility>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

/// Numbers from `start` (0) to before `stop` by `step` (1). Integer arguments give int32, others float32.
array arange(double start, double stop, double step, Dtype dtype, StreamOrDevice s = {});
array arange(double start, double stop, double step, StreamOrDevice s = {});
array arange(double start, double stop, Dtype dtype, StreamOrDevice s = {});
array arange(double start, double stop, StreamOrDevice s = {});
array arange(double stop, Dtype dtype, StreamOrDevice s = {});
array arange(double stop, StreamOrDevice s = {});
array arange(int start, int stop, int step, StreamOrDevice s = {});
array arange(int start, int stop, StreamOrDevice s = {});
array arange(int stop, StreamOrDevice s = {});

/// `num` evenly spaced numbers from start to stop, the end included unless `endpoint` is false.
array linspace(double start, double stop, int num, bool endpoint, Dtype dtype = float32, StreamOrDevice s = {});
array linspace(double start, double stop, int num = 50, Dtype dtype = float32, StreamOrDevice s = {});

/// The values, broadcast to the shape.
array full(const Shape& shape, array vals, Dtype dtype, StreamOrDevice s = {});
array full(const Shape& shape, array vals, StreamOrDevice s = {});
template <typename T>
  requires std::is_arithmetic_v<T>
array full(const Shape& shape, T value, Dtype dtype, StreamOrDevice s = {}) {
  return full(shape, array(value, dtype), s);
}
template <typename T>
  requires std::is_arithmetic_v<T>
array full(const Shape& shape, T value, StreamOrDevice s = {}) {
  return full(shape, array(value), s);
}
array full_like(const array& a, array vals, Dtype dtype, StreamOrDevice s = {});
array full_like(const array& a, array vals, StreamOrDevice s = {});
template <typename T>
  requires std::is_arithmetic_v<T>
array full_like(const array& a, T value, Dtype dtype, StreamOrDevice s = {}) {
  return full_like(a, array(value, dtype), dtype, s);
}
template <typename T>
  requires std::is_arithmetic_v<T>
array full_like(const array& a, T value, StreamOrDevice s = {}) {
  return full_like(a, array(value, a.dtype()), s);
}

/// Arrays of zeros and ones; float32 without a dtype.
array zeros(const Shape& shape, Dtype dtype, StreamOrDevice s = {});
array zeros(const Shape& shape, StreamOrDevice s = {});
array zeros_like(const array& a, StreamOrDevice s = {});
array zeros_like(const array& a, Dtype dtype, StreamOrDevice s = {});
array ones(const Shape& shape, Dtype dtype, StreamOrDevice s = {});
array ones(const Shape& shape, StreamOrDevice s = {});
array ones_like(const array& a, StreamOrDevice s = {});
array ones_like(const array& a, Dtype dtype, StreamOrDevice s = {});

/// n × m, ones on the k-th diagonal.
array eye(int n, int m, int k, Dtype dtype, StreamOrDevice s = {});
array eye(int n, Dtype dtype, StreamOrDevice s = {});
array eye(int n, int m, StreamOrDevice s = {});
array eye(int n, int m, int k, StreamOrDevice s = {});
array eye(int n, StreamOrDevice s = {});
array identity(int n, Dtype dtype, StreamOrDevice s = {});
array identity(int n, StreamOrDevice s = {});

/// n × m, ones on and below the k-th diagonal.
array tri(int n, int m, int k, Dtype type, StreamOrDevice s = {});
array tri(int n, Dtype type, StreamOrDevice s = {});
/// x with zeros above (tril) or below (triu) the k-th diagonal of its last two axes.
array tril(const array& x, int k = 0, StreamOrDevice s = {});
array triu(const array& x, int k = 0, StreamOrDevice s = {});

/// `count` numbers from `start` on in steps of `step`.
struct Arange final : PrimitiveOf<Arange> {
  Arange(Stream stream, double first, double distance, ShapeElem length, Dtype type)
      : PrimitiveOf(stream), start(first), step(distance), count(length), dtype(type) {}
  std::string_view name() const override { return "arange"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  auto fields() const { return std::tie(start, step, count, dtype); }
  double start;
  double step;
  ShapeElem count;
  Dtype dtype;
};

}  // namespace mica
