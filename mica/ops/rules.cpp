#include "mica/ops/rules.h"

#include "mica/array/tracing.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {

array constant_like(double value, const array& a) {
  return array(value, a.dtype());
}

array sum_to_shape(const array& cotangent, const Shape& shape, StreamOrDevice s) {
  const size_t extra = cotangent.ndim() - shape.size();
  std::vector<int> axes;
  for (size_t i = 0; i < cotangent.ndim(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && cotangent.shape()[i] != 1)) axes.push_back(static_cast<int>(i));
  }
  return axes.empty() ? cotangent : reshape(sum(cotangent, axes, true, s), shape, s);
}

array broadcast_like(const array& a, const array& like, StreamOrDevice s) {
  if (!ShapelessTracing::current() || a.shape() == like.shape()) return broadcast_to(a, like.shape(), s);
  // Operands of one operation follow each other's lengths.
  const array always = logical_or(isnan(like, s), array(true), s);
  return where(always, a, a, s);
}

array sum_of(const std::vector<array>& terms, StreamOrDevice s) {
  array total = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) total = add(total, terms[i], s);
  return total;
}

ShapeElem batch_size(const std::vector<array>& inputs, const std::vector<int>& axes) {
  size_t i = 0;
  while (axes[i] < 0) ++i;
  return inputs[i].shape(axes[i]);
}

array batch_first(const array& a, int axis, StreamOrDevice s) {
  return axis <= 0 ? a : moveaxis(a, axis, 0, s);
}

std::vector<array> batches(const std::vector<array>& inputs, const std::vector<int>& axes, StreamOrDevice s) {
  const ShapeElem size = batch_size(inputs, axes);
  std::vector<array> out;
  out.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    out.push_back(axes[i] < 0 ? broadcast_to(inputs[i], with_batch(inputs[i].shape(), size), s)
                              : batch_first(inputs[i], axes[i], s));
  }
  return out;
}

std::vector<array> aligned(const std::vector<array>& inputs, const std::vector<int>& axes, int& axis,
                           StreamOrDevice s) {
  size_t first = 0;
  while (axes[first] < 0) ++first;
  axis = axes[first];
  std::vector<array> out;
  out.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    out.push_back(axes[i] < 0 ? broadcast_to(expand_dims(inputs[i], axis, s), inputs[first].shape(), s)
                              : moveaxis(inputs[i], axes[i], axis, s));
  }
  return out;
}

int behind_batch(int axis, int batch_axis) {
  return axis < batch_axis ? axis : axis + 1;
}

std::vector<int> behind_batch(std::vector<int> axes, int batch_axis) {
  for (int& axis : axes) axis = behind_batch(axis, batch_axis);
  return axes;
}

Shape with_batch(const Shape& shape, ShapeElem size) {
  Shape out = {size};
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

}  // namespace mica
