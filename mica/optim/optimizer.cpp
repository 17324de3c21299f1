#include "mica/optim/optimizer.h"

#include "mica/base/error.h"
#include "mica/nn/tree_functions.h"
#include "mica/ops/elementwise.h"

namespace mica::optim {
namespace {

/// The i-th state of a list of parameters. The state is made a list, and long enough, where it is not.
Tree& list_item(Tree& state, size_t i) {
  if (state.empty() && !state.is_list()) state = Tree::list();
  Tree::List& items = state.list_items();
  if (items.size() <= i) items.resize(i + 1);
  return items[i];
}

void init_tree(const Tree& parameters, Tree& state, const std::function<void(const array&, Tree&)>& init) {
  if (parameters.is_leaf()) {
    if (state.empty()) init(parameters.leaf(), state);
  } else if (parameters.is_list()) {
    for (size_t i = 0; i < parameters.size(); ++i) init_tree(parameters.list_items()[i], list_item(state, i), init);
  } else {
    for (const auto& [key, item] : parameters.items()) init_tree(item, state[key], init);
  }
}

}  // namespace

Optimizer::Optimizer(const std::optional<LearningRate>& rate) {
  state_["step"] = array(0, uint64);
  if (!rate) return;
  if (const Schedule* schedule = rate->schedule()) {
    schedules_.emplace("learning_rate", *schedule);
    state_["learning_rate"] = (*schedule)(step());
  } else {
    state_["learning_rate"] = array(*rate->value());
  }
}

void Optimizer::init(const Tree& parameters) {
  init_tree(parameters, state_, [this](const array& parameter, Tree& state) { init_single(parameter, state); });
}

void Optimizer::update(nn::Module& model, const Tree& gradients) {
  model.update(apply_gradients(gradients, model.parameters()));
}

Tree Optimizer::apply_gradients(const Tree& gradients, const Tree& parameters) {
  for (const auto& [name, schedule] : schedules_) state_[name] = schedule(step());
  state_["step"] = add(step(), array(1, uint64));
  return apply_tree(gradients, parameters, state_, "");
}

Tree Optimizer::apply_tree(const Tree& gradients, const Tree& parameters, Tree& state, const std::string& path) {
  if (gradients.is_leaf()) {
    const array& parameter = parameters.leaf();
    if (gradients.leaf().shape() != parameter.shape()) {
      fail_as<std::invalid_argument>("[optimizer] {}: the gradient's shape {} is not the parameter's {}", path,
                                     to_string(gradients.leaf().shape()), to_string(parameter.shape()));
    }
    if (state.empty()) init_single(parameter, state);
    return apply_single(gradients.leaf(), parameter, state);
  }
  Tree out = gradients.is_list() ? Tree::list() : Tree();
  const auto parameter_at = [&](const std::string& key) -> const Tree& {
    const Tree* item = parameters.find(key);
    if (!item) fail_as<std::invalid_argument>("[optimizer] there is no parameter {}", detail::child_path(path, key));
    return *item;
  };
  for (size_t i = 0; gradients.is_list() && i < gradients.size(); ++i) {
    const std::string key = std::to_string(i);
    out.list_items().push_back(
        apply_tree(gradients.list_items()[i], parameter_at(key), list_item(state, i), detail::child_path(path, key)));
  }
  if (gradients.is_list()) return out;
  for (const auto& [key, item] : gradients.items()) {
    out.items().emplace_back(key, apply_tree(item, parameter_at(key), state[key], detail::child_path(path, key)));
  }
  return out;
}

array Optimizer::learning_rate() const {
  const Tree* rate = state_.find("learning_rate");
  if (!rate) fail_as<std::invalid_argument>("[optimizer] there is no learning rate: give one");
  return rate->leaf();
}

void Optimizer::set_learning_rate(const array& rate) {
  state_["learning_rate"] = rate;
}

array Optimizer::rate_for(const array& gradient) const {
  return astype(learning_rate(), gradient.dtype());
}

}  // namespace mica::optim
