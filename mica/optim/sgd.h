#pragma once

#include "mica/optim/optimizer.h"

namespace mica::optim {

/// Options of SGD.
struct SGDOptions {
  double momentum = 0.0;
  double weight_decay = 0.0;
  double dampening = 0.0;
  /// Needs a momentum and no dampening (std::invalid_argument).
  bool nesterov = false;
};

/// v ← momentum · v + (1 − dampening) · g, w ← w − rate · v, where g is the gradient plus weight_decay · w. State: v.
class SGD : public Optimizer {
 public:
  explicit SGD(const LearningRate& learning_rate, const SGDOptions& options = {});

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  SGDOptions options_;
};

}  // namespace mica::optim
