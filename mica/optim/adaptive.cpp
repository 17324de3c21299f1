#include "mica/optim/adaptive.h"

#include "mica/base/error.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"

namespace mica::optim {
namespace {

void check(const char* name, double decay, double eps) {
  if (decay < 0) fail_as<std::invalid_argument>("[{}] the decay {} is negative", name, decay);
  if (!(eps > 0)) fail_as<std::invalid_argument>("[{}] eps must be positive, not {}", name, eps);
}

/// decay · old + (1 − decay) · value
array running(double decay, const array& old, const array& value) {
  return Weak(decay) * old + Weak(1 - decay) * value;
}

}  // namespace

RMSprop::RMSprop(const LearningRate& learning_rate, const RMSpropOptions& options)
    : Optimizer(learning_rate), options_(options) {
  check("RMSprop", options.alpha, options.eps);
}

void RMSprop::init_single(const array& parameter, Tree& state) const {
  state["v"] = zeros_like(parameter);
}

array RMSprop::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const array v = running(options_.alpha, state["v"].leaf(), square(gradient));
  state["v"] = v;
  return parameter - rate_for(gradient) * gradient / (sqrt(v) + Weak(options_.eps));
}

Adagrad::Adagrad(const LearningRate& learning_rate, double eps) : Optimizer(learning_rate), eps_(eps) {
  check("Adagrad", 0, eps);
}

void Adagrad::init_single(const array& parameter, Tree& state) const {
  state["v"] = zeros_like(parameter);
}

array Adagrad::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const array v = state["v"].leaf() + square(gradient);
  state["v"] = v;
  return parameter - rate_for(gradient) * gradient / (sqrt(v) + Weak(eps_));
}

AdaDelta::AdaDelta(const LearningRate& learning_rate, const AdaDeltaOptions& options)
    : Optimizer(learning_rate), options_(options) {
  check("AdaDelta", options.rho, options.eps);
}

void AdaDelta::init_single(const array& parameter, Tree& state) const {
  state["v"] = zeros_like(parameter);
  state["u"] = zeros_like(parameter);
}

array AdaDelta::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const Weak eps(options_.eps);
  const array u = state["u"].leaf();
  const array v = running(options_.rho, state["v"].leaf(), square(gradient));
  const array d = sqrt(u + eps) / sqrt(v + eps) * gradient;
  state["v"] = v;
  state["u"] = running(options_.rho, u, square(d));
  return parameter - rate_for(gradient) * d;
}

}  // namespace mica::optim
