#include "mica/ops/create.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"

namespace mica {

std::vector<OutputSpec> Arange::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 0, name());
  const double last = start + static_cast<double>(count) * step;
  const bool counted = dtype != bool_ && std::isfinite(start) && std::isfinite(last);
  if (!counted || (issubdtype(dtype, integer) && std::max(std::abs(start), std::abs(last)) >= 0x1p64)) {
    fail_as<std::invalid_argument>("[arange] from {} by {} cannot be counted", start, step);
  }
  return {{Shape{count}, dtype}};
}

array arange(double start, double stop, double step, Dtype dtype, StreamOrDevice s) {
  if (dtype == bool_) fail_as<std::invalid_argument>("[arange] bool is not a type to count in");
  if (std::isnan(start) || std::isnan(stop) || std::isnan(step) || step == 0) {
    fail_as<std::invalid_argument>("[arange] from {} to {} by {} cannot be counted", start, stop, step);
  }
  // Integers count from the truncated start by the truncated step, so their number follows from those.
  const bool integral = issubdtype(dtype, integer);
  const double first = integral ? std::trunc(start) : start;
  const double distance = integral ? std::trunc(step) : step;
  if (distance == 0) fail_as<std::invalid_argument>("[arange] the step {} is 0 as {}", step, dtype_name(dtype));
  const double count = std::max(std::ceil((stop - start) / distance), 0.0);
  if (!(count <= 0x1p53)) fail_as<std::invalid_argument>("[arange] from {} to {} has no end", start, stop);
  return apply<Arange>({}, to_stream(s), first, distance, static_cast<ShapeElem>(count), dtype);
}
array arange(double start, double stop, double step, StreamOrDevice s) {
  return arange(start, stop, step, float32, s);
}
array arange(double start, double stop, Dtype dtype, StreamOrDevice s) {
  return arange(start, stop, 1.0, dtype, s);
}
array arange(double start, double stop, StreamOrDevice s) {
  return arange(start, stop, 1.0, float32, s);
}
array arange(double stop, Dtype dtype, StreamOrDevice s) {
  return arange(0.0, stop, 1.0, dtype, s);
}
array arange(double stop, StreamOrDevice s) {
  return arange(0.0, stop, 1.0, float32, s);
}
array arange(int start, int stop, int step, StreamOrDevice s) {
  return arange(static_cast<double>(start), static_cast<double>(stop), static_cast<double>(step), int32, s);
}
array arange(int start, int stop, StreamOrDevice s) {
  return arange(start, stop, 1, s);
}
array arange(int stop, StreamOrDevice s) {
  return arange(0, stop, 1, s);
}

array linspace(double start, double stop, int num, bool endpoint, Dtype dtype, StreamOrDevice s) {
  if (num < 0) fail_as<std::invalid_argument>("[linspace] the number of samples cannot be {}", num);
  const int intervals = endpoint ? num - 1 : num;
  if (num <= 1) return full({num}, start, dtype, s);
  // t·stop + (1 − t)·start hits both ends exactly.
  const array t = divide(arange(0, num, s), array(static_cast<float>(intervals)), s);
  const array from = multiply(subtract(array(1.0f), t, s), array(start), s);
  return astype(add(multiply(t, array(stop), s), from, s), dtype, s);
}
array linspace(double start, double stop, int num, Dtype dtype, StreamOrDevice s) {
  return linspace(start, stop, num, true, dtype, s);
}

array full(const Shape& shape, array vals, Dtype dtype, StreamOrDevice s) {
  return copy(broadcast_to(astype(std::move(vals), dtype, s), shape, s), s);
}
array full(const Shape& shape, array vals, StreamOrDevice s) {
  const Dtype dtype = vals.dtype();
  return full(shape, std::move(vals), dtype, s);
}
array full_like(const array& a, array vals, Dtype dtype, StreamOrDevice s) {
  return full(a.shape(), std::move(vals), dtype, s);
}
array full_like(const array& a, array vals, StreamOrDevice s) {
  return full_like(a, std::move(vals), a.dtype(), s);
}

array zeros(const Shape& shape, Dtype dtype, StreamOrDevice s) {
  return full(shape, 0, dtype, s);
}
array zeros(const Shape& shape, StreamOrDevice s) {
  return zeros(shape, float32, s);
}
array zeros_like(const array& a, StreamOrDevice s) {
  return zeros(a.shape(), a.dtype(), s);
}
array zeros_like(const array& a, Dtype dtype, StreamOrDevice s) {
  return zeros(a.shape(), dtype, s);
}
array ones(const Shape& shape, Dtype dtype, StreamOrDevice s) {
  return full(shape, 1, dtype, s);
}
array ones(const Shape& shape, StreamOrDevice s) {
  return ones(shape, float32, s);
}
array ones_like(const array& a, StreamOrDevice s) {
  return ones(a.shape(), a.dtype(), s);
}
array ones_like(const array& a, Dtype dtype, StreamOrDevice s) {
  return ones(a.shape(), dtype, s);
}

array eye(int n, int m, int k, Dtype dtype, StreamOrDevice s) {
  const array rows = expand_dims(arange(n, s), 1, s);
  return astype(equal(add(rows, array(k), s), arange(m, s), s), dtype, s);
}
array eye(int n, Dtype dtype, StreamOrDevice s) {
  return eye(n, n, 0, dtype, s);
}
array eye(int n, int m, StreamOrDevice s) {
  return eye(n, m, 0, float32, s);
}
array eye(int n, int m, int k, StreamOrDevice s) {
  return eye(n, m, k, float32, s);
}
array eye(int n, StreamOrDevice s) {
  return eye(n, n, 0, float32, s);
}
array identity(int n, Dtype dtype, StreamOrDevice s) {
  return eye(n, n, 0, dtype, s);
}
array identity(int n, StreamOrDevice s) {
  return eye(n, n, 0, float32, s);
}

array tri(int n, int m, int k, Dtype type, StreamOrDevice s) {
  const array rows = expand_dims(arange(n, s), 1, s);
  return astype(greater_equal(add(rows, array(k), s), arange(m, s), s), type, s);
}
array tri(int n, Dtype type, StreamOrDevice s) {
  return tri(n, n, 0, type, s);
}

array tril(const array& x, int k, StreamOrDevice s) {
  if (x.ndim() < 2) fail_as<std::invalid_argument>("[tril] needs at least two axes");
  const array keep = tri(static_cast<int>(x.shape(-2)), static_cast<int>(x.shape(-1)), k, bool_, s);
  return where(keep, x, zeros_like(x, s), s);
}
array triu(const array& x, int k, StreamOrDevice s) {
  if (x.ndim() < 2) fail_as<std::invalid_argument>("[triu] needs at least two axes");
  const array drop = tri(static_cast<int>(x.shape(-2)), static_cast<int>(x.shape(-1)), k - 1, bool_, s);
  return where(drop, zeros_like(x, s), x, s);
}

}  // namespace mica
