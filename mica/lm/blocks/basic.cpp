#include "mica/lm/blocks/basic.h"

#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"

namespace mica::lm {
namespace {

array norm_weight(Weights& weights, const std::string& module, int64_t size, NormKind kind) {
  array weight = weights.vector(module + ".weight", {size});
  if (kind == NormKind::rms) return weight;
  array shifted = add(weight, array(1.0f));
  shifted.eval();
  return shifted;
}

}  // namespace

LinearBlock::LinearBlock(Weights& weights, const std::string& module, int64_t rows, int64_t cols, bool bias,
                         Activation activation)
    : weight_(weights.matrix(module, {rows, cols})), activation_(activation) {
  if (bias) bias_ = weights.vector(module + ".bias", {rows});
}

array LinearBlock::operator()(const array& x) const {
  return linear(x, weight_, bias_, activation_);
}

std::vector<array> LinearBlock::together(const array& x, std::span<const LinearBlock> blocks,
                                         const LinearFusion& fusion) {
  std::vector<LinearTerm> terms;
  terms.reserve(blocks.size());
  for (const LinearBlock& block : blocks) terms.push_back({block.weight_, block.bias_});
  return linears(x, terms, blocks.front().activation_, fusion);
}

NormBlock::NormBlock(Weights& weights, const std::string& module, int64_t size, const ModelDescription& model)
    : weight_(norm_weight(weights, module, size, model.norm)), eps_(model.norm_eps) {}

array NormBlock::operator()(const array& x) const {
  return fast::rms_norm(x, weight_, eps_);
}

void NormBlock::fuse_into(LinearFusion& fusion) const {
  fusion.norm = weight_;
  fusion.eps = eps_;
}

UnaryOp operation(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::silu:
      return UnaryOp::silu;
    case ActivationKind::gelu:
      return UnaryOp::gelu;
    case ActivationKind::gelu_tanh:
      break;
  }
  return UnaryOp::gelu_tanh;
}

array activate(const array& x, ActivationKind kind) {
  return apply<Unary>({x}, to_stream({}), operation(kind));
}

}  // namespace mica::lm
