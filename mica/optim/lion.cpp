#include "mica/optim/lion.h"

#include "mica/base/error.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"

namespace mica::optim {

Lion::Lion(const LearningRate& learning_rate, const LionOptions& options)
    : Optimizer(learning_rate), options_(options) {
  for (const double beta : options.betas) {
    if (!(beta >= 0 && beta < 1)) fail_as<std::invalid_argument>("[Lion] the beta {} is not in [0, 1)", beta);
  }
}

void Lion::init_single(const array& parameter, Tree& state) const {
  state["m"] = zeros_like(parameter);
}

array Lion::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const auto [b1, b2] = options_.betas;
  const array rate = rate_for(gradient);
  const array m = state["m"].leaf();
  const array direction = sign(Weak(b1) * m + Weak(1 - b1) * gradient);
  state["m"] = Weak(b2) * m + Weak(1 - b2) * gradient;
  if (options_.weight_decay <= 0) return parameter - rate * direction;
  return (Weak(1) - rate * Weak(options_.weight_decay)) * parameter - rate * direction;
}

}  // namespace mica::optim
