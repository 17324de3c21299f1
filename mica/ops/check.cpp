#include "mica/ops/check.h"

#include <limits>
#include <stdexcept>

#include "mica/base/error.h"

namespace mica {

void check_count(const std::vector<array>& inputs, size_t count, std::string_view op) {
  if (inputs.size() != count) {
    fail_as<std::invalid_argument>("[{}] {} inputs instead of {}", op, inputs.size(), count);
  }
}

void check_axis(int axis, const array& a, std::string_view op) {
  if (axis < 0 || static_cast<size_t>(axis) >= a.ndim()) {
    fail_as<std::invalid_argument>("[{}] axis {} is out of range for an array of {} axes", op, axis, a.ndim());
  }
}

void check_axes(const std::vector<int>& axes, const array& a, std::string_view op) {
  if (axes.size() > a.ndim()) {
    fail_as<std::invalid_argument>("[{}] {} axes named for an array of {}", op, axes.size(), a.ndim());
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    check_axis(axes[i], a, op);
    for (size_t j = 0; j < i; ++j) {
      if (axes[i] == axes[j]) fail_as<std::invalid_argument>("[{}] axis {} is named twice", op, axes[i]);
    }
  }
}

void check_ndim(const array& a, size_t count, std::string_view op) {
  if (a.ndim() < count) {
    fail_as<std::invalid_argument>("[{}] an array of shape {} has fewer than {} axes", op, to_string(a.shape()), count);
  }
}

void check_shape(const array& a, const Shape& wanted, std::string_view op) {
  if (a.shape() != wanted) {
    fail_as<std::invalid_argument>("[{}] an input of shape {} where {} is needed", op, to_string(a.shape()),
                                   to_string(wanted));
  }
}

void check_dtype(const array& a, Dtype wanted, std::string_view op) {
  if (a.dtype() != wanted) {
    fail_as<std::invalid_argument>("[{}] an input is {} where {} is needed", op, dtype_name(a.dtype()),
                                   dtype_name(wanted));
  }
}

void check_category(const array& a, Dtype::Category category, std::string_view op) {
  if (!issubdtype(a.dtype(), category)) fail_as<std::invalid_argument>("[{}] not for {}", op, dtype_name(a.dtype()));
}

void check_indices(const std::vector<array>& inputs, size_t first, std::string_view op) {
  for (size_t i = first; i < inputs.size(); ++i) {
    check_dtype(inputs[i], int64, op);
    check_shape(inputs[i], inputs[first].shape(), op);
  }
}

void check_part(ShapeElem start, ShapeElem part, ShapeElem stride, ShapeElem length, std::string_view op) {
  bool fits = part >= 0 && stride != 0 && stride != std::numeric_limits<ShapeElem>::min();
  if (fits && part > 0) {
    fits = start >= 0 && start < length && part - 1 <= (stride > 0 ? (length - 1 - start) / stride : start / -stride);
  }
  if (!fits) {
    fail_as<std::invalid_argument>("[{}] {} elements from {} in steps of {} are not in an axis of {}", op, part, start,
                                   stride, length);
  }
}

}  // namespace mica
