// Caches of codes under whole models, on the tiny checkpoints of the families.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <stdexcept>

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/lm/model.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"

namespace mica::lm {
namespace {

using Tokens = std::vector<int32_t>;

LoadedModel load(const std::string& family, const KvOptions& kv = {}) {
  return load_model(std::filesystem::path(MICA_TEST_FIXTURES) / "families" / family, {Activation::exact, kv});
}

Tokens some_tokens(int64_t count, int seed) {
  Tokens out;
  for (int64_t i = 0; i < count; ++i) out.push_back(static_cast<int32_t>((i * 37 + seed * 11 + 5) % 60));
  return out;
}

std::vector<float> values(const array& a) {
  array flat = contiguous(flatten(a));
  flat.eval();
  return {flat.data<float>(), flat.data<float>() + flat.size()};
}

std::vector<float> forward(const Model& model, PromptCache& cache, const Tokens& tokens) {
  return values(
      model.forward(array(tokens.begin(), Shape{1, static_cast<ShapeElem>(tokens.size())}, int32), cache, true));
}

/// Logits after a prompt of 40 tokens and one more.
std::vector<std::vector<float>> answers(const LoadedModel& loaded) {
  PromptCache cache = loaded.model.make_cache();
  std::vector<std::vector<float>> out = {forward(loaded.model, cache, some_tokens(40, 1))};
  out.push_back(forward(loaded.model, cache, {7}));
  return out;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

class KvCodes : public testing::TestWithParam<std::string> {};

// Keys and values are off by up to half a step, 1/510 of a group's range with 8 bits and 17 times as much with 4, and
// the logits follow (over four layers of random weights, some 1 % of their size with 8 bits).
TEST_P(KvCodes, AnswersAreNearThoseOfNumbers) {
  const auto numbers = answers(load(GetParam()));
  const auto fine = answers(load(GetParam(), {.format = {8, 32}}));
  const auto coarse = answers(load(GetParam(), {.format = {4, 32}}));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const double size = distance(numbers[i], std::vector<float>(numbers[i].size()));
    EXPECT_GT(distance(fine[i], numbers[i]), 0.0);
    EXPECT_LT(distance(fine[i], numbers[i]), 0.03 * size);
    EXPECT_NEAR(std::log2(distance(coarse[i], numbers[i]) / distance(fine[i], numbers[i])), std::log2(17.0), 1.0);
  }
}

TEST_P(KvCodes, BeginWhereTheyAreToldTo) {
  const auto numbers = answers(load(GetParam()));
  const auto late = answers(load(GetParam(), {.format = {4, 32}, .start = 40}));
  EXPECT_EQ(late[0], numbers[0]);
  EXPECT_NE(late[1], numbers[1]);
  const LoadedModel loaded = load(GetParam(), {.format = {4, 32}, .start = 41});
  EXPECT_EQ(answers(loaded), numbers);
  PromptCache cache = loaded.model.make_cache();
  forward(loaded.model, cache, some_tokens(41, 1));
  const size_t before = cache.bytes();
  forward(loaded.model, cache, {7});
  EXPECT_LT(cache.bytes(), before);
  EXPECT_EQ(cache.layers()[0].buffers[0].dtype(), uint8);
  EXPECT_TRUE(cache.trim(2));
  EXPECT_EQ(forward(loaded.model, cache, {7}).size(), numbers[0].size());
}

// A sequence whose cache has codes already is joined by one that has none yet.
TEST_P(KvCodes, CachesJoin) {
  const LoadedModel loaded = load(GetParam(), {.format = {8, 32}, .start = 20});
  PromptCache all = loaded.model.make_cache();
  PromptCache other = loaded.model.make_cache();
  forward(loaded.model, all, some_tokens(30, 1));
  forward(loaded.model, all, {4});
  forward(loaded.model, other, some_tokens(10, 2));
  PromptCache alone = all;
  const std::vector<float> wanted = forward(loaded.model, alone, {9});
  all.append(other);
  const Tokens next = {9, 9};
  const array both = loaded.model.forward(array(next.begin(), Shape{2, 1}, int32), all, true);
  const std::vector<float> got = values(take(both, 0, 0));
  ASSERT_EQ(got.size(), wanted.size());
  // The same numbers in products of other shapes: sums in another order.
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-4f) << i;
  for (const KvCache& layer : all.layers()) EXPECT_TRUE(layer.is_quantized());
}

INSTANTIATE_TEST_SUITE_P(Families, KvCodes, testing::Values("llama", "gemma3_text", "mistral_window", "phi3"),
                         [](const auto& parameter) { return parameter.param; });

TEST(KvCodesErrors, AreTold) {
  const LoadedModel loaded = load("llama", {.format = {3, 64}});
  EXPECT_THROW(loaded.model.make_cache(), std::invalid_argument);
}

}  // namespace
}  // namespace mica::lm
