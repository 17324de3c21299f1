#include "mica/optim/multi_optimizer.h"

#include "mica/base/error.h"
#include "mica/nn/tree_functions.h"

namespace mica::optim {

MultiOptimizer::MultiOptimizer(std::vector<std::shared_ptr<Optimizer>> optimizers, std::vector<Filter> filters)
    : optimizers_(std::move(optimizers)), filters_(std::move(filters)) {
  if (filters_.size() + 1 != optimizers_.size()) {
    fail_as<std::invalid_argument>("[MultiOptimizer] {} optimizers need {} filters, not {}", optimizers_.size(),
                                   optimizers_.empty() ? 0 : optimizers_.size() - 1, filters_.size());
  }
}

std::vector<Tree> MultiOptimizer::parts_of(const Tree& tree) const {
  if (optimizers_.size() == 1) return {tree};
  std::vector<std::vector<std::pair<std::string, array>>> parts(optimizers_.size());
  for (const auto& [path, leaf] : tree_flatten(tree)) {
    size_t i = 0;
    while (i < filters_.size() && !filters_[i](path, leaf)) ++i;
    parts[i].emplace_back(path, leaf);
  }
  std::vector<Tree> out;
  out.reserve(parts.size());
  for (const auto& part : parts) out.push_back(tree_unflatten(part));
  return out;
}

void MultiOptimizer::init(const Tree& parameters) {
  const std::vector<Tree> parts = parts_of(parameters);
  for (size_t i = 0; i < parts.size(); ++i) optimizers_[i]->init(parts[i]);
}

Tree MultiOptimizer::apply_gradients(const Tree& gradients, const Tree& parameters) {
  const std::vector<Tree> parts = parts_of(gradients);
  Tree out;
  for (size_t i = 0; i < parts.size(); ++i) {
    out = tree_merge(out, optimizers_[i]->apply_gradients(parts[i], parameters));
  }
  return out;
}

Tree MultiOptimizer::state() const {
  Tree states = Tree::list();
  for (const auto& optimizer : optimizers_) states.list_items().push_back(optimizer->state());
  return Tree::dict({{"states", states}});
}

void MultiOptimizer::set_state(Tree state) {
  const Tree* states = state.find("states");
  if (!states || !states->is_list() || states->size() != optimizers_.size()) {
    fail_as<std::invalid_argument>("[MultiOptimizer] the state does not have \"states\" of {} optimizers",
                                   optimizers_.size());
  }
  for (size_t i = 0; i < optimizers_.size(); ++i) optimizers_[i]->set_state(states->list_items()[i]);
}

array MultiOptimizer::learning_rate() const {
  return optimizers_[0]->learning_rate();
}

void MultiOptimizer::set_learning_rate(const array& rate) {
  for (const auto& optimizer : optimizers_) optimizer->set_learning_rate(rate);
}

void MultiOptimizer::init_single(const array& /*parameter*/, Tree& /*state*/) const {
  fail_as<std::runtime_error>("[MultiOptimizer] has no state of its own");
}

array MultiOptimizer::apply_single(const array& /*gradient*/, const array& /*parameter*/, Tree& /*state*/) {
  fail_as<std::runtime_error>("[MultiOptimizer] has no update of its own");
}

}  // namespace mica::optim
