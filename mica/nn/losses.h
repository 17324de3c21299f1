#pragma once

#include <optional>
#include <string>

#include "mica/array/array.h"

namespace mica::nn::losses {

// `reduction` is "none", "mean" or "sum"; anything else, and shapes that do not fit each other, throw
// std::invalid_argument.

/// Options of cross_entropy.
struct CrossEntropyOptions {
  /// One for each loss.
  std::optional<array> weights = std::nullopt;
  int axis = -1;
  /// In [0, 1): that much of the target is spread over all classes.
  float label_smoothing = 0.0f;
  std::string reduction = "none";
};

/// −log softmax(logits)[target] along the axis. Targets are class indices (logits' shape without the axis) or
/// probabilities (logits' shape).
array cross_entropy(const array& logits, const array& targets, const CrossEntropyOptions& options = {});

/// Options of binary_cross_entropy.
struct BinaryCrossEntropyOptions {
  std::optional<array> weights = std::nullopt;
  /// Inputs are logits; otherwise probabilities, whose logarithms are cut at −100.
  bool with_logits = true;
  std::string reduction = "mean";
};
/// The cross entropy of probabilities (or, unless with_logits is off, their logits) and targets between 0 and 1.
array binary_cross_entropy(const array& inputs, const array& targets, const BinaryCrossEntropyOptions& options = {});

/// |predictions − targets|
array l1_loss(const array& predictions, const array& targets, const std::string& reduction = "mean");
/// (predictions − targets)²
array mse_loss(const array& predictions, const array& targets, const std::string& reduction = "mean");
/// −inputs[target] along the axis, for log-probabilities.
array nll_loss(const array& inputs, const array& targets, int axis = -1, const std::string& reduction = "none");
/// Of targets under normal distributions: (log v + (targets − inputs)² / v) / 2, v = max(vars, eps); with `full` also
/// log(2π) / 2.
array gaussian_nll_loss(const array& inputs, const array& targets, const array& vars, bool full = false,
                        float eps = 1e-6f, const std::string& reduction = "mean");
/// Σ exp(targets) · (targets − inputs) along the axis, both log-probabilities.
array kl_div_loss(const array& inputs, const array& targets, int axis = -1, const std::string& reduction = "none");
/// d² / (2 beta) where d = |predictions − targets| < beta, else d − beta / 2.
array smooth_l1_loss(const array& predictions, const array& targets, float beta = 1.0f,
                     const std::string& reduction = "mean");

/// Options of triplet_loss.
struct TripletOptions {
  int axis = -1;
  int p = 2;
  float margin = 1.0f;
  float eps = 1e-6f;
  std::string reduction = "none";
};
/// max(d(anchors, positives) − d(anchors, negatives) + margin, 0), d being the distance in the p-norm along the axis.
array triplet_loss(const array& anchors, const array& positives, const array& negatives,
                   const TripletOptions& options = {});

/// max(1 − inputs · targets, 0), targets ±1.
array hinge_loss(const array& inputs, const array& targets, const std::string& reduction = "none");
/// e² / 2 where |e| = |inputs − targets| ≤ delta, else delta · (|e| − delta / 2).
array huber_loss(const array& inputs, const array& targets, float delta = 1.0f, const std::string& reduction = "none");
/// log cosh(inputs − targets)
array log_cosh_loss(const array& inputs, const array& targets, const std::string& reduction = "none");
/// Σ x1 x2 / max(‖x1‖ ‖x2‖, eps) along the axis (a similarity, as MLX has it: 1 for equal directions).
array cosine_similarity_loss(const array& x1, const array& x2, int axis = 1, float eps = 1e-8f,
                             const std::string& reduction = "none");
/// max(0, −targets · (inputs1 − inputs2) + margin), targets ±1.
array margin_ranking_loss(const array& inputs1, const array& inputs2, const array& targets, float margin = 0.0f,
                          const std::string& reduction = "none");

}  // namespace mica::nn::losses
