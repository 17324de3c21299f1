// Trains a transformer on the characters of a text and lets it write.
//
//   example_language_model [TEXT-FILE [STEPS]]            the GPL from /usr/share/common-licenses unless given

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/core.h>

#include "examples/plot.h"
#include "mica/mica.h"

using namespace mica;

namespace {

constexpr int kContext = 64;
constexpr int kDims = 128;
constexpr int kLayers = 3;
constexpr int kHeads = 4;
constexpr int kBatch = 16;

/// The characters (bytes) of a text as numbers from 0.
struct Text {
  explicit Text(const std::string& text) {
    for (const char c : text) {
      if (characters.find(c) == std::string::npos) characters += c;
    }
    for (const char c : text) numbers.push_back(static_cast<int>(characters.find(c)));
  }
  std::string characters;
  std::vector<int> numbers;
};

/// Predicts each next character from those before it.
struct CharacterModel : nn::Module {
  explicit CharacterModel(int vocabulary) : embedding(this, "embedding", vocabulary, kDims) {}

  array operator()(const array& tokens) const {
    const auto length = static_cast<int>(tokens.shape(1));
    const array x = embedding(tokens) + positions(arange(length));
    const array mask = nn::MultiHeadAttention::create_additive_causal_mask(length);
    return embedding->as_linear(encoder(x, mask));
  }

  nn::Child<nn::Embedding> embedding;
  nn::Child<nn::Embedding> positions{this, "positions", kContext, kDims};
  nn::Child<nn::TransformerEncoder> encoder{this, "encoder", {kLayers, kDims, kHeads, {.activation = nn::gelu}}};
};

/// Random pieces of a part of the text, one character longer than the context.
array sample_batch(const array& text, ShapeElem first, ShapeElem end) {
  const array starts = random::randint(static_cast<int>(first), static_cast<int>(end - kContext - 1), {kBatch, 1});
  return take(text, starts + arange(kContext + 1), 0);
}

array loss_of(const CharacterModel& model, const array& pieces) {
  const array inputs = slice(pieces, {0, 0}, {kBatch, kContext});
  const array targets = slice(pieces, {0, 1}, {kBatch, kContext + 1});
  return nn::losses::cross_entropy(model(inputs), targets, {.reduction = "mean"});
}

std::string write(const CharacterModel& model, const Text& text, const std::string& start, int length) {
  std::vector<int> written;
  for (const char c : start) {
    const size_t place = text.characters.find(c);
    if (place != std::string::npos) written.push_back(static_cast<int>(place));
  }
  if (written.empty()) written.push_back(0);
  for (int i = 0; i < length; ++i) {
    const auto visible = static_cast<ShapeElem>(std::min<size_t>(written.size(), kContext));
    const array tokens(written.end() - visible, {1, visible});
    const array logits = take(model(tokens), static_cast<int>(visible) - 1, 1);
    written.push_back(random::categorical(logits * (1.0f / 0.7f)).item<int>());
  }
  std::string out;
  for (const int number : written) out += text.characters[static_cast<size_t>(number)];
  return out;
}

std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file.string() + ": cannot be read");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

int run(const std::string& raw, int steps) {
  if (raw.size() < 20 * kContext) throw std::runtime_error("the text is too short to learn from");
  random::seed(5);
  const Text text(raw);
  const auto size = static_cast<ShapeElem>(text.numbers.size());
  const ShapeElem train_end = size * 9 / 10;
  const array numbers(text.numbers.begin(), {size});

  CharacterModel model(static_cast<int>(text.characters.size()));
  size_t parameters = 0;
  for (const auto& item : tree_flatten(model.parameters())) parameters += item.second.size();
  fmt::print("{} characters, {} different; {} parameters\n", size, text.characters.size(), parameters);

  const auto schedule =
      optim::join_schedules({optim::linear_schedule(1e-4, 2e-3, 50), optim::cosine_decay(2e-3, steps, 1e-4)}, {50});
  optim::AdamW optimizer(schedule, {.betas = {0.9, 0.99}, .bias_correction = true});
  auto loss_and_grad = nn::value_and_grad(model, [&](const array& pieces) { return loss_of(model, pieces); });

  // The same pieces each time, so that validation losses can be compared.
  std::vector<array> unseen;
  unseen.reserve(8);
  for (int i = 0; i < 8; ++i) unseen.push_back(sample_batch(numbers, train_end, size));
  const auto validate = [&] {
    double total = 0;
    for (const array& pieces : unseen) total += loss_of(model, pieces).item<double>();
    return total / static_cast<double>(unseen.size());
  };

  std::vector<double> losses;
  std::vector<double> validation_losses;
  for (int step = 0; step < steps; ++step) {
    const bool check = step % 50 == 0 || step + 1 == steps;
    validation_losses.push_back(check ? validate() : validation_losses.back());
    auto [loss, gradients] = loss_and_grad(sample_batch(numbers, 0, train_end));
    optimizer.update(model, optim::clip_grad_norm(gradients, 1.0).first);
    eval(model.parameters(), optimizer.state(), loss);
    losses.push_back(loss.item<double>());
    examples::progress(fmt::format("step {:4}/{}: loss {:.3f}, validation loss {:.3f}", step + 1, steps, losses.back(),
                                   validation_losses.back()),
                       (step + 1) % 100 == 0 || step + 1 == steps);
  }
  fmt::print("\nloss in nats a character\n{}\n",
             examples::plot({{"training", '.', losses}, {"validation", '#', validation_losses}}));
  model.eval();
  fmt::print("what it writes:\n---\n{}\n---\n", write(model, text, "  You may ", 400));
  return validation_losses.back() < validation_losses.front() ? 0 : 1;
}

std::string license_text() {
  std::string out;
  for (const char* name : {"MPL-2.0", "Apache-2.0", "GFDL-1.3", "LGPL-2.1", "GPL-3", "GPL-2"}) {
    const std::filesystem::path file = std::filesystem::path("/usr/share/common-licenses") / name;
    if (std::filesystem::exists(file)) out += read_text(file);
  }
  if (out.empty()) throw std::runtime_error("there is nothing in /usr/share/common-licenses: name a text file");
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int steps = argc > 2 ? std::max(1, std::atoi(argv[2])) : 800;
    return run(argc > 1 ? read_text(argv[1]) : license_text(), steps);
  } catch (const std::exception& error) {
    fmt::print(stderr, "example_language_model: {}\n", error.what());
    return 1;
  }
}
