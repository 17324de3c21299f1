#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mica/array/array.h"
#include "mica/lm/description.h"
#include "mica/lm/weights.h"

namespace mica::lm {

/// x · wᵀ + bias, the weight in whatever form the checkpoint has it.
class LinearBlock {
 public:
  /// Takes `module`.weight [rows, cols] and, with `bias`, `module`.bias.
  LinearBlock(Weights& weights, const std::string& module, int64_t rows, int64_t cols, bool bias,
              Activation activation);
  array operator()(const array& x) const;
  array operator()(const array& x, const LinearFusion& fusion) const { return together(x, {this, 1}, fusion)[0]; }

  /// The products of several blocks with the same x, in one pass.
  static std::vector<array> together(const array& x, std::span<const LinearBlock> blocks,
                                     const LinearFusion& fusion = {});

 private:
  StoredMatrix weight_;
  std::optional<array> bias_;
  Activation activation_;
};

/// RMSNorm over the last axis, with the offset of 1 folded into the weight where the family has one.
class NormBlock {
 public:
  NormBlock(Weights& weights, const std::string& module, int64_t size, const ModelDescription& model);
  array operator()(const array& x) const;
  /// Lets a product do it.
  void fuse_into(LinearFusion& fusion) const;

 private:
  array weight_;
  float eps_;
};

/// The element-by-element operation.
UnaryOp operation(ActivationKind kind);
array activate(const array& x, ActivationKind kind);

}  // namespace mica::lm
