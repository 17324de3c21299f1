// Perplexity and divergence against sums over the model's logits in double.

#include "mica/lm/perplexity.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "mica/base/error.h"
#include "mica/ops/shape.h"
#include "tests/lm/tiny_models.h"

namespace mica::lm {
namespace {

using Tokens = std::vector<int32_t>;

Tokens some_tokens(int count) {
  Tokens out;
  for (int i = 0; i < count; ++i) out.push_back((i * i * 7 + i * 31 + 5) % kTinyVocab);
  return out;
}

/// The distributions after each token of a window, in logarithms.
std::vector<std::vector<double>> distributions(const Model& model, std::span<const int32_t> window) {
  PromptCache cache = model.make_cache();
  const array tokens(window.data(), Shape{1, static_cast<ShapeElem>(window.size())}, int32);
  array logits = contiguous(model.forward(tokens, cache, false));
  logits.eval();
  std::vector<std::vector<double>> out;
  for (size_t i = 0; i < window.size(); ++i) {
    const float* row = logits.data<float>() + i * kTinyVocab;
    out.emplace_back(row, row + kTinyVocab);
    double total = 0;
    for (const double x : out.back()) total += std::exp(x);
    for (double& x : out.back()) x -= std::log(total);
  }
  return out;
}

TEST(Perplexity, DivergenceIsThatOfTheDistributions) {
  const LoadedModel model = tiny("llama");
  const LoadedModel other = tiny("mistral_window");
  ASSERT_EQ(other.model.description().vocab_size, kTinyVocab);
  const Tokens tokens = some_tokens(40);
  constexpr int kContext = 15;  // windows of 15, 15 and 10
  double loss = 0, other_loss = 0, sum = 0, largest = 0;
  int count = 0, same = 0;
  for (size_t begin = 0; begin < tokens.size(); begin += kContext) {
    const auto window = std::span(tokens).subspan(begin, std::min<size_t>(kContext, tokens.size() - begin));
    const auto got = distributions(model.model, window);
    const auto wanted = distributions(other.model, window);
    for (size_t i = 0; i + 1 < window.size(); ++i, ++count) {
      loss -= got[i][static_cast<size_t>(window[i + 1])];
      other_loss -= wanted[i][static_cast<size_t>(window[i + 1])];
      double kl = 0;
      for (size_t t = 0; t < kTinyVocab; ++t) kl += std::exp(wanted[i][t]) * (wanted[i][t] - got[i][t]);
      sum += kl;
      largest = std::max(largest, kl);
      same +=
          std::ranges::max_element(got[i]) - got[i].begin() == std::ranges::max_element(wanted[i]) - wanted[i].begin();
    }
  }
  ASSERT_GT(sum / count, 0.01);
  ASSERT_LT(same, count);
  const Divergence result = divergence(model.model, other.model, tokens, {kContext});
  // Sums of a few dozen float32 numbers of the size of 1 to 10.
  EXPECT_NEAR(result.mean_kl, sum / count, 1e-5);
  EXPECT_NEAR(result.largest_kl, largest, 1e-5);
  EXPECT_DOUBLE_EQ(result.same_best, static_cast<double>(same) / count);
  EXPECT_EQ(result.model.tokens, count);
  EXPECT_NEAR(std::log(result.model.value), loss / count, 1e-5);
  EXPECT_NEAR(std::log(result.reference.value), other_loss / count, 1e-5);
  EXPECT_DOUBLE_EQ(perplexity(model.model, tokens, {kContext}).value, result.model.value);
}

TEST(Perplexity, AModelIsNotFarFromItself) {
  const LoadedModel model = tiny("llama");
  const Divergence result = divergence(model.model, model.model, some_tokens(30), {30});
  EXPECT_EQ(result.mean_kl, 0.0);
  EXPECT_EQ(result.largest_kl, 0.0);
  EXPECT_EQ(result.same_best, 1.0);
  EXPECT_THROW(divergence(model.model, model.model, some_tokens(1), {30}), Error);
}

// A single token behind the last window is not predicted, and counts for no window: progress comes to its end.
TEST(Perplexity, ProgressEndsWithTheLastWindow) {
  const LoadedModel loaded = tiny("llama");
  int64_t done = 0, total = 0;
  perplexity(loaded.model, some_tokens(21), {10}, [&](int64_t now, int64_t all, double) {
    done = now;
    total = all;
  });
  EXPECT_EQ(done, 2);
  EXPECT_EQ(total, 2);
}

// Every window begins with the given token, and the text's tokens are all predicted.
TEST(Perplexity, WindowsBeginWithAToken) {
  const LoadedModel loaded = tiny("llama");
  const Tokens tokens = some_tokens(21);
  constexpr int32_t kStart = 3;
  constexpr size_t kContext = 9;  // of 8 tokens of the text, 8 and 5
  double loss = 0;
  for (size_t begin = 0; begin < tokens.size(); begin += kContext - 1) {
    Tokens window = {kStart};
    for (size_t i = begin; i < std::min(begin + kContext - 1, tokens.size()); ++i) window.push_back(tokens[i]);
    const auto predicted = distributions(loaded.model, window);
    for (size_t i = 0; i + 1 < window.size(); ++i) loss -= predicted[i][static_cast<size_t>(window[i + 1])];
  }
  int64_t done = 0, total = 0;
  const Perplexity result = perplexity(loaded.model, tokens, {kContext, kStart}, [&](int64_t now, int64_t all, double) {
    done = now;
    total = all;
  });
  EXPECT_EQ(done, 3);
  EXPECT_EQ(total, 3);
  EXPECT_EQ(result.tokens, 21);
  EXPECT_NEAR(std::log(result.value), loss / 21, 1e-5);
  EXPECT_EQ(perplexity(loaded.model, some_tokens(1), {kContext, kStart}).tokens, 1);
  EXPECT_THROW(perplexity(loaded.model, {}, {kContext, kStart}), Error);
}

}  // namespace
}  // namespace mica::lm
