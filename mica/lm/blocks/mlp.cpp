#include "mica/lm/blocks/mlp.h"

#include <fmt/format.h>

#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica::lm {
namespace {

/// The experts' matrices under MLX's name, stacked here if the checkpoint keeps them apart (older transformers) or has
/// gate and up in one (transformers 5).
void gather_experts(Weights& weights, const std::string& module, const MoeDescription& moe) {
  const std::string stacked = module + ".switch_mlp.";
  if (weights.has(module + ".experts.gate_up_proj")) {
    weights.split_rows(module + ".experts.gate_up_proj", moe.expert_hidden, stacked + "gate_proj.weight",
                       stacked + "up_proj.weight");
    weights.rename(module + ".experts.down_proj", stacked + "down_proj.weight");
    return;
  }
  for (const char* name : {"gate_proj", "up_proj", "down_proj"}) {
    for (const char* tail : {".weight", ".scales", ".biases"}) {
      const std::string part = fmt::format("{}{}", name, tail);
      if (weights.has(fmt::format("{}.experts.0.{}", module, part))) {
        weights.stack_experts(module + ".experts", moe.num_experts, part, stacked + part);
      }
    }
  }
}

std::vector<LinearBlock> input_projections(Weights& weights, const std::string& module, int64_t hidden,
                                           const MlpDescription& mlp, Activation activation) {
  std::vector<LinearBlock> out;
  if (mlp.fused_gate_up) {
    out.emplace_back(weights, module + ".gate_up_proj", 2 * int64_t{mlp.hidden}, hidden, mlp.bias, activation);
  } else {
    out.emplace_back(weights, module + ".gate_proj", mlp.hidden, hidden, mlp.bias, activation);
    out.emplace_back(weights, module + ".up_proj", mlp.hidden, hidden, mlp.bias, activation);
  }
  return out;
}

/// The router, once the experts are where the block looks for them.
LinearBlock gather_and_route(Weights& weights, const std::string& module, const ModelDescription& model,
                             const MoeDescription& moe) {
  gather_experts(weights, module, moe);
  // The choice of experts is discrete: the router always computes exactly.
  return {weights, module + ".gate", moe.num_experts, model.hidden_size, false, Activation::exact};
}

}  // namespace

MlpBlock::MlpBlock(Weights& weights, const std::string& module, const ModelDescription& model,
                   const MlpDescription& mlp, Activation activation)
    : mlp_(mlp),
      inputs_(input_projections(weights, module, model.hidden_size, mlp, activation)),
      down_(weights, module + ".down_proj", model.hidden_size, mlp.hidden, mlp.bias, activation) {}

array MlpBlock::operator()(const array& x, const LinearFusion& before, const LinearFusion& after) const {
  if (mlp_.fused_gate_up) {
    const auto parts = split(inputs_[0](x, before), 2, -1);
    return down_(multiply(activate(parts[0], mlp_.activation), parts[1]), after);
  }
  LinearFusion gated = before;
  gated.gate = operation(mlp_.activation);
  return down_(LinearBlock::together(x, inputs_, gated)[0], after);
}

MoeBlock::MoeBlock(Weights& weights, const std::string& module, const ModelDescription& model,
                   const MoeDescription& moe, ActivationKind kind, Activation activation)
    : moe_(moe),
      kind_(kind),
      activation_(activation),
      router_(gather_and_route(weights, module, model, moe)),
      gate_(weights.matrix(module + ".switch_mlp.gate_proj", {moe.num_experts, moe.expert_hidden, model.hidden_size})),
      up_(weights.matrix(module + ".switch_mlp.up_proj", {moe.num_experts, moe.expert_hidden, model.hidden_size})),
      down_(weights.matrix(module + ".switch_mlp.down_proj", {moe.num_experts, model.hidden_size, moe.expert_hidden})) {
}

array MoeBlock::operator()(const array& x) const {
  const array flat = reshape(x, {-1, x.shape(-1)});
  const array probabilities = softmax(router_(flat), -1);
  const int first = moe_.num_experts - moe_.top_k;
  const array order = first > 0 ? argpartition(probabilities, first, -1) : argsort(probabilities, -1);
  const array experts = slice(order, {0, first}, {flat.shape(0), moe_.num_experts});
  array weights = take_along_axis(probabilities, experts, -1);
  if (moe_.normalize_top_k) weights = divide(weights, sum(weights, -1, true));
  const array rows = expand_dims(flat, 1);
  const array gate = expert_linear(rows, gate_, experts, std::nullopt, activation_);
  const array up = expert_linear(rows, up_, experts, std::nullopt, activation_);
  const array outputs = expert_linear(multiply(activate(gate, kind_), up), down_, experts, std::nullopt, activation_);
  return reshape(sum(multiply(outputs, expand_dims(weights, -1)), 1), x.shape());
}

}  // namespace mica::lm
