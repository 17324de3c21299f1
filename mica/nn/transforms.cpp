#include "mica/nn/transforms.h"

namespace mica::nn::detail {

std::vector<array> leaves_of(const Tree& tree) {
  std::vector<array> out;
  for (auto& item : tree_flatten(tree)) out.push_back(std::move(item.second));
  return out;
}

Tree with_leaves(const Tree& tree, const std::vector<array>& leaves) {
  size_t next = 0;
  return tree_map([&](const array& /*old*/) { return leaves.at(next++); }, tree);
}

}  // namespace mica::nn::detail
