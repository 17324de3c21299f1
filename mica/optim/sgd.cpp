#include "mica/optim/sgd.h"

#include "mica/base/error.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"

namespace mica::optim {

SGD::SGD(const LearningRate& learning_rate, const SGDOptions& options) : Optimizer(learning_rate), options_(options) {
  if (options.nesterov && (options.momentum <= 0 || options.dampening != 0)) {
    fail_as<std::invalid_argument>("[SGD] Nesterov's momentum needs a momentum and no dampening");
  }
}

void SGD::init_single(const array& parameter, Tree& state) const {
  state["v"] = zeros_like(parameter);
}

array SGD::apply_single(const array& gradient, const array& parameter, Tree& state) {
  array g = gradient;
  if (options_.weight_decay != 0) g = g + Weak(options_.weight_decay) * parameter;
  if (options_.momentum <= 0) return parameter - rate_for(g) * g;
  array v = Weak(options_.momentum) * state["v"].leaf();
  v = v + (options_.dampening > 0 ? Weak(1 - options_.dampening) * g : g);
  state["v"] = v;
  const array update = options_.nesterov ? g + Weak(options_.momentum) * v : v;
  return parameter - rate_for(g) * update;
}

}  // namespace mica::optim
