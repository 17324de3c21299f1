#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "mica/distributed/distributed.h"
#include "mica/nn/member.h"
#include "mica/nn/module.h"

namespace mica::nn {

/// Options of fully_shard.
struct FullyShardOptions {
  /// All processes unless given.
  std::optional<distributed::Group> group = std::nullopt;
  /// Whole floating-point parameters have this dtype in the forward pass; parts keep theirs.
  std::optional<Dtype> compute_dtype = std::nullopt;
};

/// A module of whose parameters each process of a group holds a part, along their first axis. The whole parameters are
/// gathered when the module is called, and dropped behind it; gradients are averaged over the processes, and each gets
/// those of its part, so that it updates only that. Parameters have the module's paths below "module". Those of a
/// FullyShardedModule further below are its own matter.
struct FullyShardedModule : UnaryModule {
  /// Cuts the parameters of `module`. Throws std::invalid_argument when the group's size does not divide a first axis.
  explicit FullyShardedModule(std::shared_ptr<UnaryModule> module, const FullyShardOptions& options = {});

  array operator()(const array& x) const override;

  /// With an Embedding inside: x times the transpose of its whole weight. Throws std::invalid_argument for others.
  array as_linear(const array& x) const;

  distributed::Group group;
  std::optional<Dtype> compute_dtype;
  Child<UnaryModule> module;

 private:
  Tree parts() const;
  array with_whole_parameters(const std::function<array()>& call) const;
};

/// `module` as a FullyShardedModule; the module itself in a group of one, or when it is one already.
std::shared_ptr<UnaryModule> fully_shard(std::shared_ptr<UnaryModule> module, const FullyShardOptions& options = {});

}  // namespace mica::nn
