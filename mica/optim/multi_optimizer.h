#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mica/optim/optimizer.h"

namespace mica::optim {

/// Several optimizers, each for a part of the parameters: the first whose filter holds for a parameter's path and
/// gradient takes it; the last optimizer, which has no filter, takes the rest. The state is {"states": [of each]}.
class MultiOptimizer : public Optimizer {
 public:
  using Filter = std::function<bool(const std::string& path, const array& gradient)>;

  /// One filter less than there are optimizers (std::invalid_argument).
  MultiOptimizer(std::vector<std::shared_ptr<Optimizer>> optimizers, std::vector<Filter> filters = {});

  void init(const Tree& parameters) override;
  Tree apply_gradients(const Tree& gradients, const Tree& parameters) override;
  Tree state() const override;
  /// Throws std::invalid_argument unless it has one state for each optimizer.
  void set_state(Tree state) override;
  /// The first optimizer's.
  array learning_rate() const override;
  /// Sets that of all.
  void set_learning_rate(const array& rate) override;
  using Optimizer::set_learning_rate;

 protected:
  void init_single(const array& parameter, Tree& state) const override;
  array apply_single(const array& gradient, const array& parameter, Tree& state) override;

 private:
  std::vector<Tree> parts_of(const Tree& tree) const;

  std::vector<std::shared_ptr<Optimizer>> optimizers_;
  std::vector<Filter> filters_;
};

}  // namespace mica::optim
