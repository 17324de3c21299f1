// Learns to read handwritten digits with a small convolutional network.
//
//   example_digits build/test-data/digits.csv             scikit-learn's 1,797 digits of 8 × 8 pixels
//   example_digits TRAIN-IMAGES TRAIN-LABELS [EPOCHS]     MNIST's idx files, unpacked

#include <numeric>

#include <fmt/core.h>

#include "examples/images.h"
#include "examples/plot.h"
#include "mica/mica.h"

using namespace mica;

namespace {

struct DigitNet : nn::Module {
  explicit DigitNet(int side) : out(this, "out", 32 * (side / 4) * (side / 4), 10) {}

  array operator()(const array& x) const {
    array y = pool(nn::relu(norm1(conv1(x))));
    y = pool(nn::relu(norm2(conv2(y))));
    return out(dropout(flatten(y, 1)));
  }

  nn::Child<nn::Conv2d> conv1{this, "conv1", {1, 16, 3, {.padding = 1, .bias = false}}};
  nn::Child<nn::BatchNorm> norm1{this, "norm1", 16};
  nn::Child<nn::Conv2d> conv2{this, "conv2", {16, 32, 3, {.padding = 1, .bias = false}}};
  nn::Child<nn::BatchNorm> norm2{this, "norm2", 32};
  nn::Child<nn::MaxPool2d> pool{this, "pool", 2};
  nn::Child<nn::Dropout> dropout{this, "dropout", 0.2};
  nn::Child<nn::Linear> out;
};

struct DataSet {
  array images;
  array labels;
  ShapeElem size() const { return labels.shape(0); }
};

/// The pictures in random order, cut into a training and a validation set.
std::pair<DataSet, DataSet> split_data(const examples::Images& data) {
  const auto count = static_cast<ShapeElem>(data.labels.size());
  const array order = random::permutation(static_cast<int>(count));
  const array images = take(array(data.pixels.begin(), {count, data.side, data.side, 1}), order, 0);
  const array labels = take(array(data.labels.begin(), {count}), order, 0);
  const std::vector<array> x = split(images, Shape{count * 4 / 5}, 0);
  const std::vector<array> y = split(labels, Shape{count * 4 / 5}, 0);
  return {{x[0], y[0]}, {x[1], y[1]}};
}

/// Predicted digits, computed in batches.
array predict(DigitNet& model, const array& images) {
  model.eval();
  std::vector<array> parts;
  for (ShapeElem start = 0; start < images.shape(0); start += 256) {
    const ShapeElem stop = std::min(start + 256, images.shape(0));
    parts.push_back(argmax(model(slice(images, {start, 0, 0, 0}, {stop, images.shape(1), images.shape(2), 1})), -1));
    eval(parts.back());
  }
  model.train();
  return concatenate(parts, 0);
}

void show(const array& image, int predicted, int label) {
  array pixels = contiguous(image);
  pixels.eval();
  const auto side = static_cast<int>(image.shape(1));
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float value = pixels.data<float>()[y * side + x];
      fmt::print("{0}{0}", " .:-=+*#%@"[static_cast<int>(value * 9.0f)]);
    }
    fmt::print("\n");
  }
  fmt::print("read as {}, is {}\n\n", predicted, label);
}

int run(const examples::Images& data, int epochs) {
  constexpr ShapeElem kBatch = 64;
  random::seed(3);
  const auto [train, validation] = split_data(data);
  fmt::print("{} pictures to learn from, {} to validate with\n", train.size(), validation.size());

  DigitNet model(data.side);
  const auto steps = static_cast<int>(train.size() / kBatch);
  optim::AdamW optimizer(optim::cosine_decay(2e-3, epochs * steps), {.bias_correction = true});
  auto loss_and_grad = nn::value_and_grad(model, [&](const array& x, const array& y) {
    return nn::losses::cross_entropy(model(x), y, {.reduction = "mean"});
  });

  std::vector<double> losses;
  double accuracy = 0;
  array predicted(0);
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    const array order = random::permutation(static_cast<int>(train.size()));
    double total = 0;
    for (int step = 0; step < steps; ++step) {
      const array batch = slice(order, {step * kBatch}, {(step + 1) * kBatch});
      auto [loss, gradients] = loss_and_grad(take(train.images, batch, 0), take(train.labels, batch, 0));
      optimizer.update(model, gradients);
      eval(model.parameters(), optimizer.state(), loss);
      losses.push_back(loss.item<double>());
      total += losses.back();
      examples::progress(fmt::format("epoch {:2}: step {}/{}, loss {:.4f}", epoch, step + 1, steps, losses.back()),
                         false);
    }
    predicted = predict(model, validation.images);
    accuracy = mean(astype(predicted == validation.labels, float32)).item<double>();
    examples::progress(
        fmt::format("epoch {:2}: loss {:.4f}, validation accuracy {:.2f} %", epoch, total / steps, 100 * accuracy),
        true);
  }
  fmt::print("\nloss over the steps\n{}\n", examples::plot({{"training", '*', losses}}));
  for (int i = 0; i < 3; ++i) {
    const auto digit = [i](const array& labels) { return take(labels, i, 0).item<int>(); };
    show(take(validation.images, i, 0), digit(predicted), digit(validation.labels));
  }
  fmt::print("validation accuracy {:.2f} %\n", 100 * accuracy);
  return accuracy > 0.95 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.empty() || arguments.size() > 3) {
      fmt::print(stderr, "usage: example_digits DIGITS.CSV | example_digits IMAGES LABELS [EPOCHS]\n");
      return 2;
    }
    if (arguments.size() == 1) return run(examples::read_digits_csv(arguments[0]), 15);
    const int epochs = arguments.size() == 3 ? std::max(1, std::atoi(arguments[2].c_str())) : 2;
    return run(examples::read_idx(arguments[0], arguments[1]), epochs);
  } catch (const std::exception& error) {
    fmt::print(stderr, "example_digits: {}\n", error.what());
    return 1;
  }
}
