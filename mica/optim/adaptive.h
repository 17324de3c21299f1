#pragma once

#include "mica/optim/optimizer.h"

namespace mica::optim {

// Optimizers that divide by running means of squared gradients. A negative alpha or rho and an eps that is not positive
// throw std::invalid_argument.

/// Options of RMSprop.
struct RMSpropOptions {
  double alpha = 0.99;
  double eps = 1e-8;
};

/// v ← alpha · v + (1 − alpha) · g², w ← w − rate · g / (√v + eps)
/// (https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf). State: v.
class RMSprop : public Optimizer {
 public:
  explicit RMSprop(const LearningRate& learning_rate, const RMSpropOptions& options = {});

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  RMSpropOptions options_;
};

/// v ← v + g², w ← w − rate · g / (√v + eps) (https://jmlr.org/papers/v12/duchi11a.html). State: v.
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(const LearningRate& learning_rate, double eps = 1e-8);

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  double eps_;
};

/// Options of AdaDelta.
struct AdaDeltaOptions {
  double rho = 0.9;
  double eps = 1e-6;
};

/// d = √(u + eps) / √(v + eps) · g with running means v of g² and u of d², w ← w − rate · d
/// (https://arxiv.org/abs/1212.5701). State: v, u.
class AdaDelta : public Optimizer {
 public:
  explicit AdaDelta(const LearningRate& learning_rate, const AdaDeltaOptions& options = {});

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  AdaDeltaOptions options_;
};

}  // namespace mica::optim
