#pragma once

#include <array>

#include "mica/optim/optimizer.h"

namespace mica::optim {

// Betas outside of [0, 1) and a negative eps throw std::invalid_argument.

/// Options of Adam.
struct AdamOptions {
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  /// Divide the running means by 1 − betaˢᵗᵉᵖ. (MLX, and so mica, leaves that out unless asked.)
  bool bias_correction = false;
};

/// w ← w − rate · m / (√v + eps) with running means m of the gradient and v of its square
/// (https://arxiv.org/abs/1412.6980). State: m, v.
class Adam : public Optimizer {
 public:
  explicit Adam(const LearningRate& learning_rate, const AdamOptions& options = {});

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

  AdamOptions options_;
};

/// Options of AdamW.
struct AdamWOptions {
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.01;
  bool bias_correction = false;
};

/// Adam on w · (1 − rate · weight_decay) (https://arxiv.org/abs/1711.05101).
class AdamW : public Adam {
 public:
  explicit AdamW(const LearningRate& learning_rate, const AdamWOptions& options = {});

 protected:
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  double weight_decay_;
};

/// Options of Adamax.
struct AdamaxOptions {
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
};

/// Adam with v ← max(beta₂ · v, |gradient|): w ← w − rate · m / (v + eps). State: m, v.
class Adamax : public Adam {
 public:
  explicit Adamax(const LearningRate& learning_rate, const AdamaxOptions& options = {});

 protected:
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;
};

}  // namespace mica::optim
