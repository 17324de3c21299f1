#pragma once

// The activations and losses of tests/fixtures/nn.json.

#include <map>
#include <string>

#include <fmt/format.h>

#include "mica/nn/nn.h"
#include "tests/nn/layer_case.h"

namespace mica::test {

inline void add_activations(std::map<std::string, Maker>& makers) {
  const auto add = [&makers](const char* name, auto f) {
    makers[name] = function([f](const Inputs& in) { return f(in[0]); });
  };
  add("relu", nn::relu);
  add("relu2", nn::relu2);
  add("relu6", nn::relu6);
  add("leaky_relu", [](const array& x) { return nn::leaky_relu(x); });
  add("elu", [](const array& x) { return nn::elu(x); });
  add("selu", nn::selu);
  add("celu", [](const array& x) { return nn::celu(x); });
  add("sigmoid", nn::sigmoid);
  add("log_sigmoid", nn::log_sigmoid);
  add("tanh", nn::tanh);
  add("softplus", nn::softplus);
  add("softsign", nn::softsign);
  add("softshrink", [](const array& x) { return nn::softshrink(x); });
  add("hard_shrink", [](const array& x) { return nn::hard_shrink(x); });
  add("hardswish", nn::hardswish);
  add("hard_tanh", [](const array& x) { return nn::hard_tanh(x); });
  add("silu", nn::silu);
  add("mish", nn::mish);
  add("gelu", nn::gelu);
  add("gelu_approx", nn::gelu_approx);
  add("gelu_fast_approx", nn::gelu_fast_approx);
  add("glu", [](const array& x) { return nn::glu(x); });
  add("softmax", [](const array& x) { return nn::softmax(x); });
  add("softmin", [](const array& x) { return nn::softmin(x); });
  add("log_softmax", [](const array& x) { return nn::log_softmax(x); });
  add("step", [](const array& x) { return nn::step(x, 0.5f); });
}

/// Adds the loss under its name with each reduction: f(inputs, reduction).
template <typename F>
void add_loss(std::map<std::string, Maker>& makers, const std::string& name, F f) {
  for (const std::string reduction : {"none", "mean", "sum"}) {
    makers[fmt::format("{} {}", name, reduction)] =
        function([f, reduction](const Inputs& in) { return f(in, reduction); });
  }
}

inline void add_losses(std::map<std::string, Maker>& makers) {
  namespace losses = nn::losses;
  const auto add = [&](const std::string& name, auto f) { add_loss(makers, name, f); };
  using R = const std::string&;
  add("cross_entropy", [](const Inputs& in, R r) { return losses::cross_entropy(in[0], in[1], {.reduction = r}); });
  add("cross_entropy axis", [](const Inputs& in, R r) {
    return losses::cross_entropy(in[0], in[1], {.axis = 1, .label_smoothing = 0.1f, .reduction = r});
  });
  add("cross_entropy weights", [](const Inputs& in, R r) {
    return losses::cross_entropy(in[0], softmax(in[1]), {.weights = in[2], .reduction = r});
  });
  add("binary_cross_entropy",
      [](const Inputs& in, R r) { return losses::binary_cross_entropy(in[0], sigmoid(in[1]), {.reduction = r}); });
  add("binary_cross_entropy probabilities", [](const Inputs& in, R r) {
    return losses::binary_cross_entropy(sigmoid(in[0]), sigmoid(in[1]),
                                        {.weights = in[2], .with_logits = false, .reduction = r});
  });
  add("l1_loss", [](const Inputs& in, R r) { return losses::l1_loss(in[0], in[1], r); });
  add("mse_loss", [](const Inputs& in, R r) { return losses::mse_loss(in[0], in[1], r); });
  add("smooth_l1_loss", [](const Inputs& in, R r) { return losses::smooth_l1_loss(in[0], in[1], 1.0f, r); });
  add("huber_loss", [](const Inputs& in, R r) { return losses::huber_loss(in[0], in[1], 1.0f, r); });
  add("log_cosh_loss", [](const Inputs& in, R r) { return losses::log_cosh_loss(in[0], in[1], r); });
  add("hinge_loss", [](const Inputs& in, R r) { return losses::hinge_loss(in[0], in[1], r); });
  add("kl_div_loss", [](const Inputs& in, R r) { return losses::kl_div_loss(in[0], in[1], -1, r); });
  add("cosine_similarity_loss",
      [](const Inputs& in, R r) { return losses::cosine_similarity_loss(in[0], in[1], 1, 1e-8f, r); });
  add("nll_loss", [](const Inputs& in, R r) { return losses::nll_loss(in[0], in[1], -1, r); });
  add("gaussian_nll_loss",
      [](const Inputs& in, R r) { return losses::gaussian_nll_loss(in[0], in[1], exp(in[2]), true, 1e-6f, r); });
  add("triplet_loss",
      [](const Inputs& in, R r) { return losses::triplet_loss(in[0], in[1], in[2], {.reduction = r}); });
  add("margin_ranking_loss",
      [](const Inputs& in, R r) { return losses::margin_ranking_loss(in[0], in[1], in[2], 0.3f, r); });
}

}  // namespace mica::test
