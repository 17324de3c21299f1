#include "mica/nn/transforms.h"

namespace mica::nn::detail {

std::vector<array> leaves_of(const Tree& tree) {
  auto leaves = tree_flatten(tree);
  std::vector<array> out;
  out.reserve(leaves.size());
  for (auto& item : leaves) out.push_back(std::move(item.second));
  return out;
}

Tree with_leaves(const Tree& tree, const std::vector<array>& leaves) {
  size_t next = 0;
  return tree_map([&](const array& /*old*/) { return leaves.at(next++); }, tree);
}

}  // namespace mica::nn::detail
