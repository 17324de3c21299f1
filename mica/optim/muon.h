#pragma once

#include "mica/optim/optimizer.h"

namespace mica::optim {

/// Options of Muon.
struct MuonOptions {
  double momentum = 0.95;
  double weight_decay = 0.01;
  bool nesterov = true;
  /// Newton–Schulz iterations.
  int ns_steps = 5;
};

/// Momentum whose update of a matrix (other axes are flattened into its columns) is made orthogonal by Newton–Schulz
/// iterations (https://kellerjordan.github.io/posts/muon/); vectors take the momentum itself. State: v.
class Muon : public Optimizer {
 public:
  explicit Muon(const LearningRate& learning_rate, const MuonOptions& options = {});

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  MuonOptions options_;
};

}  // namespace mica::optim
