#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "mica/array/array.h"
#include "mica/nn/module.h"
#include "mica/nn/tree.h"

namespace mica::optim {

/// A value that depends on the step (uint64 scalar, 0 at first).
using Schedule = std::function<array(const array& step)>;

/// A learning rate: a number, or a schedule that gives one for each step.
class LearningRate {
 public:
  LearningRate(double value) : rate_(value) {}  // NOLINT(google-explicit-constructor)
  template <typename F>
    requires std::invocable<F, const array&>
  LearningRate(F schedule) : rate_(Schedule(std::move(schedule))) {}  // NOLINT(google-explicit-constructor)

  const double* value() const { return std::get_if<double>(&rate_); }
  const Schedule* schedule() const { return std::get_if<Schedule>(&rate_); }

 private:
  std::variant<double, Schedule> rate_;
};

/// What all optimizers share. The state is a tree with MLX's names, so that a saved one loads: "step", "learning_rate",
/// and under each parameter's path what the optimizer remembers of it, such as "layers.0.weight.m".
///
///     optim::AdamW optimizer(1e-3);
///     optimizer.update(model, gradients);
///     eval(model.parameters(), optimizer.state());
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Makes the state of parameters that have none. (apply_gradients does so, too.)
  virtual void init(const Tree& parameters);

  /// One step: gives the model's parameters that have a gradient their new values.
  void update(nn::Module& model, const Tree& gradients);

  /// One step: the new values of the parameters that have a gradient. `parameters` has at least those.
  virtual Tree apply_gradients(const Tree& gradients, const Tree& parameters);

  virtual Tree state() const { return state_; }
  virtual void set_state(Tree state) { state_ = std::move(state); }
  /// How many steps were made (uint64).
  const array& step() const { return state_.at("step").leaf(); }
  virtual array learning_rate() const;
  /// A number from now on; a schedule given before keeps setting the rate.
  virtual void set_learning_rate(const array& rate);
  void set_learning_rate(double rate) { set_learning_rate(array(rate)); }

 protected:
  explicit Optimizer(const std::optional<LearningRate>& rate = std::nullopt);
  Optimizer(const Optimizer&) = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(const Optimizer&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  /// Puts what is remembered of a parameter into its empty state.
  virtual void init_single(const array& parameter, Tree& state) const = 0;
  /// The new value of a parameter; updates its state.
  virtual array apply_single(const array& gradient, const array& parameter, Tree& state) = 0;
  /// The learning rate in the dtype of a gradient.
  array rate_for(const array& gradient) const;

 private:
  Tree apply_tree(const Tree& gradients, const Tree& parameters, Tree& state, const std::string& path);

  std::map<std::string, Schedule> schedules_;
  Tree state_;
};

}  // namespace mica::optim
