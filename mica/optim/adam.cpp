#include "mica/optim/adam.h"

#include "mica/base/error.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"

namespace mica::optim {

Adam::Adam(const LearningRate& learning_rate, const AdamOptions& options)
    : Optimizer(learning_rate), options_(options) {
  for (const double beta : options.betas) {
    if (!(beta >= 0 && beta < 1)) fail_as<std::invalid_argument>("[Adam] the beta {} is not in [0, 1)", beta);
  }
  if (!(options.eps >= 0)) fail_as<std::invalid_argument>("[Adam] eps {} is negative", options.eps);
}

void Adam::init_single(const array& parameter, Tree& state) const {
  state["m"] = zeros_like(parameter);
  state["v"] = zeros_like(parameter);
}

array Adam::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const auto [b1, b2] = options_.betas;
  const Weak eps(options_.eps);
  const array rate = rate_for(gradient);
  const array m = Weak(b1) * state["m"].leaf() + Weak(1 - b1) * gradient;
  const array v = Weak(b2) * state["v"].leaf() + Weak(1 - b2) * square(gradient);
  state["m"] = m;
  state["v"] = v;
  if (!options_.bias_correction) return parameter - rate * m / (sqrt(v) + eps);
  const auto remainder_of = [this](double beta) { return Weak(1) - power(array(beta), step()); };
  const array c1 = astype(rate / remainder_of(b1), gradient.dtype());
  const array c2 = astype(rsqrt(remainder_of(b2)), gradient.dtype());
  return parameter - c1 * m / (sqrt(v) * c2 + eps);
}

AdamW::AdamW(const LearningRate& learning_rate, const AdamWOptions& options)
    : Adam(learning_rate, {.betas = options.betas, .eps = options.eps, .bias_correction = options.bias_correction}),
      weight_decay_(options.weight_decay) {}

array AdamW::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const array kept = Weak(1) - rate_for(gradient) * Weak(weight_decay_);
  return Adam::apply_single(gradient, parameter * kept, state);
}

Adamax::Adamax(const LearningRate& learning_rate, const AdamaxOptions& options)
    : Adam(learning_rate, {.betas = options.betas, .eps = options.eps}) {}

array Adamax::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const auto [b1, b2] = options_.betas;
  const array m = Weak(b1) * state["m"].leaf() + Weak(1 - b1) * gradient;
  const array v = maximum(Weak(b2) * state["v"].leaf(), abs(gradient));
  state["m"] = m;
  state["v"] = v;
  return parameter - rate_for(gradient) * m / (v + Weak(options_.eps));
}

}  // namespace mica::optim
