#pragma once

#include <string>
#include <vector>

#include "mica/lm/blocks/basic.h"

namespace mica::lm {

/// down(activation(gate(x)) · up(x)) (https://arxiv.org/abs/2002.05202)
class MlpBlock {
 public:
  MlpBlock(Weights& weights, const std::string& module, const ModelDescription& model, const MlpDescription& mlp,
           Activation activation);
  /// With what is fused to the first and to the last products.
  array operator()(const array& x, const LinearFusion& before, const LinearFusion& after) const;

 private:
  MlpDescription mlp_;
  /// Those to gate and up, or one to both.
  std::vector<LinearBlock> inputs_;
  LinearBlock down_;
};

/// Mixture of such MLPs: a router picks top_k experts for each token and mixes their outputs.
class MoeBlock {
 public:
  MoeBlock(Weights& weights, const std::string& module, const ModelDescription& model, const MoeDescription& moe,
           ActivationKind kind, Activation activation);
  array operator()(const array& x) const;

 private:
  MoeDescription moe_;
  ActivationKind kind_;
  Activation activation_;
  LinearBlock router_;
  StoredMatrix gate_, up_, down_;
};

}  // namespace mica::lm
