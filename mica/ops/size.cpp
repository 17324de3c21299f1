#include "mica/ops/size.h"

#include "mica/ops/check.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"

namespace mica {

std::vector<OutputSpec> NumberOfElements::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_axes(axes, inputs[0], name());
  return {{Shape{}, dtype}};
}

std::vector<array> NumberOfElements::vjp(const std::vector<array>& primals, const std::vector<array>&,
                                         const std::vector<int>&, const std::vector<array>&) const {
  return {zeros_like(primals[0], stream())};
}

std::vector<array> NumberOfElements::jvp(const std::vector<array>&, const std::vector<array>&,
                                         const std::vector<int>&) const {
  return {zeros({}, dtype, stream())};
}

std::pair<std::vector<array>, std::vector<int>> NumberOfElements::vmap(const std::vector<array>& inputs,
                                                                       const std::vector<int>& batch_axes) const {
  std::vector<int> shifted = axes;
  for (int& axis : shifted) axis += axis >= batch_axes[0] ? 1 : 0;
  return {{apply<NumberOfElements>({inputs[0]}, stream(), std::move(shifted), inverted, dtype)}, {-1}};
}

array number_of_elements(const array& a, std::vector<int> axes, bool inverted, Dtype dtype, StreamOrDevice s) {
  for (int& axis : axes) axis = normalize_axis(axis, a.ndim(), "number_of_elements");
  return stop_gradient(apply<NumberOfElements>({a}, to_stream(s), std::move(axes), inverted, dtype), s);
}

}  // namespace mica
