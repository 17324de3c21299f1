#include <cmath>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/linalg.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::linalg {
namespace {

array floating_point(const array& a, StreamOrDevice s) {
  return issubdtype(a.dtype(), inexact) ? a : astype(a, float32, s);
}

array two_norm(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  return sqrt(sum(square(abs(a, s), s), axes, keepdims, s), s);
}

array vector_norm(const array& a, double ord, int axis, bool keepdims, StreamOrDevice s) {
  const array magnitude = abs(a, s);
  if (ord == 0) {
    const array counts = not_equal(a, array(0, a.dtype()), s);
    return sum(astype(counts, magnitude.dtype(), s), axis, keepdims, s);
  }
  if (ord == 1) return sum(magnitude, axis, keepdims, s);
  if (ord == 2) return two_norm(a, {axis}, keepdims, s);
  if (std::isinf(ord)) return ord > 0 ? max(magnitude, axis, keepdims, s) : min(magnitude, axis, keepdims, s);
  const array powers = power(magnitude, array(ord, magnitude.dtype()), s);
  return power(sum(powers, axis, keepdims, s), array(1.0 / ord, magnitude.dtype()), s);
}

/// Singular values of the matrices along two axes, with those axes at length 1 and one for the values behind.
array singular_values(const array& a, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const int row = normalize_axis(axes[0], a.ndim(), "norm");
  const int col = normalize_axis(axes[1], a.ndim(), "norm");
  std::vector<int> order;
  for (int i = 0; i < static_cast<int>(a.ndim()); ++i) {
    if (i != row && i != col) order.push_back(i);
  }
  order.push_back(row);
  order.push_back(col);
  const array values = svd(transpose(a, order, s), false, s)[0];
  return keepdims ? expand_dims(values, {std::min(row, col), std::max(row, col)}, s) : values;
}

array matrix_norm(const array& a, double ord, const std::vector<int>& axes, bool keepdims, StreamOrDevice s) {
  const double kind = std::abs(ord);
  if (kind == 2) {
    const array values = singular_values(a, axes, keepdims, s);
    return ord > 0 ? max(values, -1, false, s) : min(values, -1, false, s);
  }
  if (kind != 1 && !std::isinf(kind)) fail_as<std::invalid_argument>("[norm] matrices have no norm {}", ord);
  // Sums along the one axis, then the extreme along the other.
  const int summed = normalize_axis(axes[kind == 1 ? 0 : 1], a.ndim(), "norm");
  const int compared = normalize_axis(axes[kind == 1 ? 1 : 0], a.ndim(), "norm");
  const array sums = sum(abs(a, s), summed, true, s);
  const array out = ord > 0 ? max(sums, compared, true, s) : min(sums, compared, true, s);
  return keepdims ? out : squeeze(out, std::vector<int>{summed, compared}, s);
}

/// The axes given, or all of an array with one or two.
std::vector<int> norm_axes(const array& a, const std::optional<std::vector<int>>& axis) {
  std::vector<int> axes;
  if (axis) {
    axes = *axis;
  } else {
    for (int i = 0; i < static_cast<int>(a.ndim()); ++i) axes.push_back(i);
  }
  if (axes.empty() || axes.size() > 2) {
    fail_as<std::invalid_argument>("[norm] over {} axes: only vectors and matrices have norms", axes.size());
  }
  return axes;
}

}  // namespace

array norm(const array& a, double ord, const std::optional<std::vector<int>>& axis, bool keepdims, StreamOrDevice s) {
  const std::vector<int> axes = norm_axes(a, axis);
  const array x = floating_point(a, s);
  return axes.size() == 1 ? vector_norm(x, ord, axes[0], keepdims, s) : matrix_norm(x, ord, axes, keepdims, s);
}

array norm(const array& a, const std::string& ord, const std::optional<std::vector<int>>& axis, bool keepdims,
           StreamOrDevice s) {
  const std::vector<int> axes = norm_axes(a, axis);
  if (axes.size() != 2) fail_as<std::invalid_argument>("[norm] {} is a norm of matrices", mica::quoted(ord));
  const array x = floating_point(a, s);
  if (ord == "f" || ord == "fro") return two_norm(x, axes, keepdims, s);
  if (ord != "nuc") fail_as<std::invalid_argument>("[norm] there is no norm {}", mica::quoted(ord));
  return sum(singular_values(x, axes, keepdims, s), -1, false, s);
}

array norm(const array& a, const std::optional<std::vector<int>>& axis, bool keepdims, StreamOrDevice s) {
  const array x = floating_point(a, s);
  if (axis) return two_norm(x, norm_axes(a, axis), keepdims, s);
  const array out = two_norm(flatten(x, s), {0}, false, s);
  return keepdims ? reshape(out, Shape(a.ndim(), 1), s) : out;
}

}  // namespace mica::linalg
