// Batching rules of what works on the last axis: the batch axis goes to the front.
#include "mica/ops/rules.h"
#include "mica/ops/sort.h"

namespace mica {

std::pair<std::vector<array>, std::vector<int>> Sort::vmap(const std::vector<array>& inputs,
                                                           const std::vector<int>& axes) const {
  return {{apply<Sort>({batch_first(inputs[0], axes[0], stream())}, stream(), indices)}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> Partition::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  return {{apply<Partition>({batch_first(inputs[0], axes[0], stream())}, stream(), indices, kth)}, {0}};
}

std::pair<std::vector<array>, std::vector<int>> Scan::vmap(const std::vector<array>& inputs,
                                                           const std::vector<int>& axes) const {
  return {{apply<Scan>({batch_first(inputs[0], axes[0], stream())}, stream(), op, reverse, inclusive)}, {0}};
}

}  // namespace mica
