// Finds the weights of a linear model from noisy measurements, by stochastic gradient descent.

#include <fmt/core.h>

#include "examples/plot.h"
#include "mica/mica.h"

using namespace mica;

int main() {
  constexpr int kFeatures = 16;
  constexpr int kSamples = 1024;
  constexpr int kSteps = 200;
  constexpr float kNoise = 0.1f;
  random::seed(1);

  const array true_weights = random::normal({kFeatures, 1});
  const array x = random::normal({kSamples, kFeatures});
  const array y = matmul(x, true_weights) + 0.5f + kNoise * random::normal({kSamples, 1});

  nn::Linear model(kFeatures, 1);
  optim::SGD optimizer(optim::cosine_decay(0.1, kSteps), {.momentum = 0.9});
  auto loss_and_grad = nn::value_and_grad(
      model, [&](const array& inputs, const array& targets) { return nn::losses::mse_loss(model(inputs), targets); });

  std::vector<double> losses;
  for (int step = 0; step < kSteps; ++step) {
    const array batch = random::randint(0, kSamples, {64});
    auto [loss, gradients] = loss_and_grad(take(x, batch, 0), take(y, batch, 0));
    optimizer.update(model, gradients);
    eval(model.parameters(), optimizer.state(), loss);
    losses.push_back(std::log10(loss.item<double>()));
    examples::progress(fmt::format("step {:3}: loss {:.5f}", step + 1, loss.item<double>()), (step + 1) % 50 == 0);
  }

  fmt::print("\nlog10 of the loss over the steps\n{}\n", examples::plot({{"training", '*', losses}}));
  const auto error = max(abs(transpose(model.weight) - true_weights)).item<double>();
  fmt::print("largest error of a weight: {:.4f} (standard deviation of the noise: {})\n", error, kNoise);
  fmt::print("bias: {:.4f} (true: 0.5)\n", model.bias->item<double>());
  return error < 0.05 ? 0 : 1;
}
