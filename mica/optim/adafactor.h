#pragma once

#include <array>
#include <optional>

#include "mica/optim/optimizer.h"

namespace mica::optim {

/// Options of Adafactor.
struct AdafactorOptions {
  /// Used only when relative_step is off, and then needed (std::invalid_argument).
  std::optional<LearningRate> learning_rate = std::nullopt;
  /// Added to squared gradients; the least scale of a parameter.
  std::array<double, 2> eps = {1e-30, 1e-3};
  double clip_threshold = 1.0;
  double decay_rate = -0.8;
  /// The first moment's decay; there is none unless given.
  std::optional<double> beta_1 = std::nullopt;
  double weight_decay = 0.0;
  /// Scale the rate by the parameter's root mean square.
  bool scale_parameter = true;
  /// A rate that falls with the step, at most 0.01.
  bool relative_step = true;
  /// With relative_step: start at 10⁻⁶ · step.
  bool warmup_init = false;
};

/// Second moments of matrices kept as row and column means (https://arxiv.org/abs/1804.04235). State: exp_avg_sq_row
/// and exp_avg_sq_col, or exp_avg_sq for vectors; exp_avg with beta_1.
class Adafactor : public Optimizer {
 public:
  explicit Adafactor(const AdafactorOptions& options = {});

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  array rate_of(const array& parameter_rms) const;
  array normalized(const array& gradient, const array& beta_2, Tree& state) const;

  AdafactorOptions options_;
};

}  // namespace mica::optim
