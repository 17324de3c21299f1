// Sequences of different lengths in one batch against each by itself, on the tiny checkpoints of every family.

#include <algorithm>

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/lm/model.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"
#include "tests/lm/tiny_models.h"

namespace mica::lm {
namespace {

using Tokens = std::vector<int32_t>;

Tokens some_tokens(int64_t count, int seed, int vocab_size) {
  Tokens out;
  for (int64_t i = 0; i < count; ++i) out.push_back(static_cast<int32_t>((i * 37 + seed * 101 + 7) % vocab_size));
  return out;
}

std::vector<float> values(const array& a) {
  array flat = contiguous(flatten(a));
  flat.eval();
  return {flat.data<float>(), flat.data<float>() + flat.size()};
}

/// The logits after every token from number `first` on, of the sequence by itself.
std::vector<std::vector<float>> alone(const Model& model, const Tokens& tokens, size_t first) {
  PromptCache cache = model.make_cache();
  std::vector<std::vector<float>> out;
  for (size_t begin = 0, end = first; begin < tokens.size(); begin = end++) {
    const array part(tokens.data() + begin, Shape{1, static_cast<ShapeElem>(end - begin)}, int32);
    out.push_back(values(model.forward(part, cache, true)));
  }
  return out;
}

/// The same numbers in products of other shapes: sums in another order.
void expect_near(const std::vector<float>& got, const std::vector<float>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-4f) << i;
}

class Batch : public testing::TestWithParam<std::string> {};

TEST_P(Batch, OfDifferentLengthsEqualsEachAlone) {
  const LoadedModel loaded = tiny(GetParam());
  const Model& model = loaded.model;
  const std::vector<int64_t> prompts = {5, 1, 9};
  constexpr int64_t kDecoded = 12;
  std::vector<Tokens> sequences;
  std::vector<std::vector<std::vector<float>>> wanted;
  Tokens filled;
  const int64_t longest = *std::max_element(prompts.begin(), prompts.end());
  for (size_t b = 0; b < prompts.size(); ++b) {
    sequences.push_back(some_tokens(prompts[b] + kDecoded, static_cast<int>(b), model.description().vocab_size));
    wanted.push_back(alone(model, sequences[b], static_cast<size_t>(prompts[b])));
    for (int64_t i = 0; i < longest; ++i) filled.push_back(i < prompts[b] ? sequences[b][static_cast<size_t>(i)] : 3);
  }
  PromptCache cache = model.make_cache();
  const auto batch = static_cast<ShapeElem>(prompts.size());
  array logits = model.forward(array(filled.data(), Shape{batch, longest}, int32), cache, true, prompts);
  for (int64_t step = 0;; ++step) {
    for (ShapeElem b = 0; b < batch; ++b) {
      SCOPED_TRACE(std::to_string(b) + " step " + std::to_string(step));
      expect_near(values(take(logits, static_cast<int>(b), 0)),
                  wanted[static_cast<size_t>(b)][static_cast<size_t>(step)]);
    }
    if (step == kDecoded) break;
    Tokens next;
    for (size_t b = 0; b < prompts.size(); ++b) next.push_back(sequences[b][static_cast<size_t>(prompts[b] + step)]);
    logits = model.forward(array(next.data(), Shape{batch, 1}, int32), cache, true);
  }
  EXPECT_EQ(cache.offset(), longest + kDecoded);
}

INSTANTIATE_TEST_SUITE_P(Families, Batch, testing::ValuesIn(tiny_models("families")),
                         [](const auto& parameter) { return parameter.param; });

TEST(BatchErrors, AreTold) {
  const LoadedModel loaded = tiny("llama");
  PromptCache cache = loaded.model.make_cache();
  const Tokens tokens = {1, 2, 3, 4};
  const array two(tokens.data(), Shape{2, 2}, int32);
  const auto forward = [&](const array& input, std::vector<int64_t> counts) {
    return loaded.model.forward(input, cache, true, counts);
  };
  EXPECT_THROW(forward(two, {1}), Error);
  EXPECT_THROW(forward(two, {1, 3}), Error);
  EXPECT_THROW(forward(two, {0, 1}), Error);
  EXPECT_THROW(forward(flatten(two), {}), Error);
  EXPECT_THROW(forward(slice(two, {0, 0}, {0, 2}), {}), Error);
  forward(two, {2, 1}).eval();
  EXPECT_THROW(forward(slice(two, {0, 0}, {1, 1}), {}), Error);
}

}  // namespace
}  // namespace mica::lm
