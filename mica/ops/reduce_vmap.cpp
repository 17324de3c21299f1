// Batching rules of reductions.
#include "mica/ops/reduce.h"
#include "mica/ops/rules.h"

namespace mica {

std::pair<std::vector<array>, std::vector<int>> Reduce::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  return {{apply<Reduce>(inputs, stream(), op, behind_batch(this->axes, axes[0]))}, axes};
}

std::pair<std::vector<array>, std::vector<int>> ArgReduce::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  return {{apply<ArgReduce>(inputs, stream(), max, behind_batch(axis, axes[0]))}, axes};
}

std::pair<std::vector<array>, std::vector<int>> Softmax::vmap(const std::vector<array>& inputs,
                                                              const std::vector<int>& axes) const {
  return {{apply<Softmax>({batch_first(inputs[0], axes[0], stream())}, stream())}, {0}};
}

}  // namespace mica
