#pragma once

#include "mica/nn/member.h"

namespace mica::nn {

// eps must be positive (std::invalid_argument). Parameters, where a layer has them: weight [dims], ones at first, and
// bias [dims], zeros at first.

/// (x − mean) / √(variance + eps) · weight + bias over the last axis (https://arxiv.org/abs/1607.06450).
struct LayerNorm : UnaryModule {
  explicit LayerNorm(int dims, float eps = 1e-5f, bool affine = true, bool bias = true);
  array operator()(const array& x) const override;
  float eps;
  Parameter weight;
  Parameter bias;
};

/// x / √(mean x² + eps) · weight over the last axis (https://arxiv.org/abs/1910.07467).
struct RMSNorm : UnaryModule {
  explicit RMSNorm(int dims, float eps = 1e-5f);
  array operator()(const array& x) const override;
  float eps;
  Parameter weight;
};

/// Normalizes every channel of every example: x [N, …, dims] with at least 3 axes (https://arxiv.org/abs/1607.08022).
struct InstanceNorm : UnaryModule {
  explicit InstanceNorm(int dims, float eps = 1e-5f, bool affine = false);
  array operator()(const array& x) const override;
  float eps;
  Parameter weight;
  Parameter bias;
};

/// Normalizes groups of channels of every example: x [N, …, dims] (https://arxiv.org/abs/1803.08494). Channel c is in
/// group c mod num_groups, or, as in PyTorch, in group c / (dims / num_groups) with `pytorch_compatible`.
struct GroupNorm : UnaryModule {
  GroupNorm(int num_groups, int dims, float eps = 1e-5f, bool affine = true, bool pytorch_compatible = false);
  array operator()(const array& x) const override;
  int num_groups;
  float eps;
  bool pytorch_compatible;
  Parameter bias;
  Parameter weight;
};

/// Normalizes channels over the batch: x [N, C], [N, L, C] or [N, H, W, C] (https://arxiv.org/abs/1502.03167). In
/// training with the batch's statistics, which also update running_mean and running_var [C] (a running value keeps 1 −
/// momentum of itself); in evaluation with the running ones. These two are never trained.
struct BatchNorm : UnaryModule {
  explicit BatchNorm(int num_features, float eps = 1e-5f, float momentum = 0.1f, bool affine = true,
                     bool track_running_stats = true);
  /// Throws std::invalid_argument for another number of axes, and in training for one value per channel.
  array operator()(const array& x) const override;
  float eps;
  float momentum;
  Parameter weight;
  Parameter bias;
  Parameter running_mean;
  Parameter running_var;

 protected:
  Keys never_trained() const override;
};

}  // namespace mica::nn
