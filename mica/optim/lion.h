#pragma once

#include <array>

#include "mica/optim/optimizer.h"

namespace mica::optim {

/// Options of Lion.
struct LionOptions {
  std::array<double, 2> betas = {0.9, 0.99};
  double weight_decay = 0.0;
};

/// w ← (1 − rate · weight_decay) · w − rate · sign(beta₁ · m + (1 − beta₁) · g), m ← beta₂ · m + (1 − beta₂) · g
/// (https://arxiv.org/abs/2302.06675). Betas outside of [0, 1) throw std::invalid_argument. State: m.
class Lion : public Optimizer {
 public:
  explicit Lion(const LearningRate& learning_rate, const LionOptions& options = {});

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  LionOptions options_;
};

}  // namespace mica::optim
