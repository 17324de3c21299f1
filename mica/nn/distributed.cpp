#include "mica/nn/distributed.h"

#include <vector>

#include "mica/distributed/ops.h"
#include "mica/nn/transforms.h"
#include "mica/nn/tree_functions.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

/// The mean of each array over the processes, computed on all of them laid end to end.
void average_together(std::vector<array>& arrays, const distributed::Group& group) {
  std::vector<array> flat;
  flat.reserve(arrays.size());
  Shape ends;
  ShapeElem end = 0;
  for (const array& a : arrays) {
    flat.push_back(flatten(a));
    end += static_cast<ShapeElem>(a.size());
    ends.push_back(end);
  }
  ends.pop_back();
  const array mean = distributed::all_sum(concatenate(flat, 0), group) / Weak(group.size());
  const std::vector<array> parts = split(mean, ends, 0);
  for (size_t i = 0; i < arrays.size(); ++i) arrays[i] = reshape(parts[i], arrays[i].shape());
}

}  // namespace

Tree average_gradients(const Tree& gradients, const std::optional<distributed::Group>& given, int64_t all_reduce_size) {
  const distributed::Group group = given ? *given : distributed::init();
  const std::vector<array> leaves = detail::leaves_of(gradients);
  if (group.size() == 1 || leaves.empty()) return gradients;
  std::vector<array> averaged;
  std::vector<array> pending;
  int64_t bytes = 0;
  const auto send = [&] {
    if (!pending.empty()) average_together(pending, group);
    averaged.insert(averaged.end(), pending.begin(), pending.end());
    pending.clear();
    bytes = 0;
  };
  for (const array& leaf : leaves) {
    if (!pending.empty() && pending.back().dtype() != leaf.dtype()) send();
    pending.push_back(leaf);
    bytes += static_cast<int64_t>(leaf.nbytes());
    if (bytes >= all_reduce_size) send();
  }
  send();
  return detail::with_leaves(gradients, averaged);
}

std::pair<Tree, array> clip_grad_norm_sharded(const Tree& gradients, double max_norm,
                                              const std::optional<distributed::Group>& group) {
  const auto add_squares = [](const array& total, const array& g) { return total + sum(square(g)); };
  const array local = tree_reduce(add_squares, gradients, array(0.0F));
  const array norm = sqrt(distributed::all_sum(local, group));
  const array factor = minimum(Weak(max_norm) / (norm + Weak(1e-6)), Weak(1));
  Tree clipped = tree_map([&](const array& g) { return astype(g * factor, g.dtype()); }, gradients);
  return {std::move(clipped), norm};
}

}  // namespace mica::nn
