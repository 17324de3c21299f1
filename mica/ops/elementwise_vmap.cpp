// Batching rules of element-by-element primitives: the batch axis is one more axis.
#include "mica/ops/elementwise.h"
#include "mica/ops/rules.h"

namespace mica {

std::pair<std::vector<array>, std::vector<int>> Unary::vmap(const std::vector<array>& inputs,
                                                            const std::vector<int>& axes) const {
  return {{apply<Unary>(inputs, stream(), op)}, axes};
}

std::pair<std::vector<array>, std::vector<int>> Binary::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  int axis = 0;
  auto same = aligned(inputs, axes, axis, stream());
  return {{apply<Binary>(std::move(same), stream(), op)}, {axis}};
}

std::pair<std::vector<array>, std::vector<int>> Select::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  int axis = 0;
  auto same = aligned(inputs, axes, axis, stream());
  return {{apply<Select>(std::move(same), stream())}, {axis}};
}

std::pair<std::vector<array>, std::vector<int>> AsType::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  return {{apply<AsType>(inputs, stream(), dtype)}, axes};
}

std::pair<std::vector<array>, std::vector<int>> ComplexPart::vmap(const std::vector<array>& inputs,
                                                                  const std::vector<int>& axes) const {
  return {{apply<ComplexPart>(inputs, stream(), part)}, axes};
}

}  // namespace mica
