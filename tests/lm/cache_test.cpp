#include "mica/lm/cache.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::lm {
namespace {

/// [1, 1, count, 1] with the values first, first + 1 …
array numbered(int first, int count) {
  return reshape(arange(static_cast<double>(first), static_cast<double>(first + count)), {1, 1, count, 1});
}

std::vector<float> values(const array& a) {
  array flat = contiguous(astype(flatten(a), float32));
  flat.eval();
  return {flat.data<float>(), flat.data<float>() + flat.size()};
}

AttentionDescription one_number(int window) {
  AttentionDescription out;
  out.num_heads = out.num_kv_heads = out.head_dim = 1;
  out.window = window;
  return out;
}

/// A cache of one sequence, with tokens that are numbers.
class Numbers {
 public:
  explicit Numbers(int window) : cache_(one_number(window), float32) {}

  void add(int first, int count) {
    cache_.reserve({&offset_, 1}, count);
    const array place(static_cast<int32_t>(offset_ - cache_.first(0)));
    for (array& buffer : cache_.buffers) {
      buffer = put_rows(buffer, numbered(first, count), reshape(place, {1}));
      buffer.eval();
    }
    offset_ += count;
  }

  /// The tokens that are there, the newest last.
  std::vector<float> kept() const {
    const int64_t length = offset_ - cache_.first(0);
    EXPECT_EQ(values(cache_.buffers[0]), values(cache_.buffers[1]));
    return values(slice(cache_.buffers[0], {0, 0, 0, 0}, {1, 1, length, 1}));
  }

  bool trim(int count) {
    if (!cache_.can_trim(0, offset_ - count)) return false;
    offset_ -= count;
    return true;
  }

  const KvCache& cache() const { return cache_; }

 private:
  KvCache cache_;
  int64_t offset_ = 0;
};

TEST(KvCache, KeepsEverythingInOrder) {
  Numbers numbers(0);
  numbers.add(0, 3);
  numbers.add(3, 2);
  EXPECT_EQ(numbers.kept(), (std::vector<float>{0, 1, 2, 3, 4}));
}

TEST(KvCache, GrowsInStepsWithoutLosingTokens) {
  Numbers numbers(0);
  for (int i = 0; i <= 3000; ++i) numbers.add(i, 1);
  const std::vector<float> kept = numbers.kept();
  ASSERT_EQ(kept.size(), 3001u);
  for (int i = 0; i <= 3000; ++i) ASSERT_EQ(kept[static_cast<size_t>(i)], static_cast<float>(i));
}

TEST(KvCache, AWindowBoundsTheMemory) {
  // A window as long as a step of growth used to be copied for every token.
  for (const int window : {8, 256}) {
    Numbers numbers(window);
    const void* memory = nullptr;
    int moves = 0;
    for (int i = 0; i < 3000; ++i) {
      numbers.add(i, 1);
      const std::vector<float> kept = numbers.kept();
      // All that the newest token may see is there, itself last.
      ASSERT_GE(kept.size(), static_cast<size_t>(std::min(i + 1, window)));
      ASSERT_EQ(kept.back(), static_cast<float>(i));
      ASSERT_EQ(kept.front(), static_cast<float>(i + 1 - static_cast<int>(kept.size())));
      moves += numbers.cache().buffers[0].data<float>() != memory;
      memory = numbers.cache().buffers[0].data<float>();
    }
    EXPECT_LE(numbers.cache().bytes(), size_t{2} * 768 * sizeof(float));
    EXPECT_LE(moves, 3000 / 256 + 1);
  }
}

TEST(KvCache, TrimForgetsTheLastTokens) {
  Numbers numbers(0);
  numbers.add(0, 10);
  EXPECT_TRUE(numbers.trim(4));
  numbers.add(50, 1);
  EXPECT_EQ(numbers.kept(), (std::vector<float>{0, 1, 2, 3, 4, 5, 50}));
}

TEST(KvCache, TrimRefusesWhatAWindowHasDropped) {
  Numbers numbers(4);
  for (int i = 0; i < 1000; ++i) numbers.add(i, 1);
  EXPECT_FALSE(numbers.trim(900));
}

ModelDescription layers_with_windows(std::initializer_list<int> windows) {
  ModelDescription out;
  for (const int window : windows) out.layers.push_back({one_number(window), {}, std::nullopt});
  return out;
}

TEST(PromptCache, TrimIsAllOrNothing) {
  PromptCache cache(layers_with_windows({0, 4}));
  const std::vector<int64_t> one = {1};
  for (int i = 0; i < 1000; ++i) {
    cache.reserve(1, 1);
    cache.advance(one);
  }
  EXPECT_FALSE(cache.trim(1001));
  EXPECT_FALSE(cache.trim(900));
  EXPECT_EQ(cache.offset(), 1000);
  EXPECT_TRUE(cache.trim(1));
  EXPECT_EQ(cache.offset(), 999);
}

/// Adds counts[b] tokens to sequence b of a cache of numbers: sequence + offset / 10000, with rubbish behind them.
void add_tokens(PromptCache& cache, const std::vector<float>& sequences, const std::vector<int64_t>& counts) {
  const int64_t count = *std::max_element(counts.begin(), counts.end());
  cache.reserve(static_cast<int64_t>(sequences.size()), count);
  for (KvCache& layer : cache.layers()) {
    std::vector<float> rows;
    std::vector<int32_t> places;
    for (size_t b = 0; b < sequences.size(); ++b) {
      const int64_t offset = cache.offsets()[b];
      places.push_back(static_cast<int32_t>(offset - layer.first(b)));
      for (int64_t i = 0; i < count; ++i) {
        rows.push_back(i < counts[b] ? sequences[b] + static_cast<float>(offset + i) / 10000.0f : -1.0f);
      }
    }
    const auto batch = static_cast<ShapeElem>(sequences.size());
    for (array& buffer : layer.buffers) {
      buffer = put_rows(buffer, array(rows.begin(), Shape{batch, 1, count, 1}, float32),
                        array(places.begin(), Shape{batch}, int32));
    }
  }
  cache.advance(counts);
  eval(cache.state());
}

/// What every layer must hold of a sequence is there: all, or what the window can reach.
void expect_tokens(PromptCache& cache, size_t b, float sequence, int window) {
  const int64_t offset = cache.offsets()[b];
  for (KvCache& layer : cache.layers()) {
    const int64_t first = layer.first(b);
    EXPECT_LE(first, window > 0 ? std::max<int64_t>(0, offset - window + 1) : 0);
    for (const array& buffer : layer.buffers) {
      const std::vector<float> all = values(take(buffer, static_cast<int>(b), 0));
      ASSERT_GE(static_cast<int64_t>(all.size()), offset - first);
      for (int64_t i = first; i < offset; ++i) {
        ASSERT_EQ(all[static_cast<size_t>(i - first)], sequence + static_cast<float>(i) / 10000.0f) << i;
      }
    }
  }
}

class Sequences : public testing::TestWithParam<int> {};

TEST_P(Sequences, OfDifferentLengthsKeepTheirTokens) {
  PromptCache cache(layers_with_windows({GetParam()}), float32);
  const std::vector<int64_t> counts = {3, 1};
  for (int i = 0; i < 300; ++i) add_tokens(cache, {1, 2}, counts);
  EXPECT_EQ(cache.offset(), 900);
  EXPECT_EQ(cache.offsets()[1], 300);
  expect_tokens(cache, 0, 1, GetParam());
  expect_tokens(cache, 1, 2, GetParam());
  if (GetParam() > 0) {
    EXPECT_LE(cache.bytes(), size_t{2} * 2 * 768 * sizeof(float));
  }
  EXPECT_THROW(cache.reserve(3, 1), Error);
}

TEST_P(Sequences, JoinAndLeave) {
  const ModelDescription model = layers_with_windows({GetParam(), 0});
  PromptCache cache(model, float32);
  add_tokens(cache, {1, 2, 3}, {5, 700, 2});
  PromptCache other(model, float32);
  add_tokens(other, {4, 5}, {9, 1});
  cache.append(other);
  add_tokens(cache, {1, 2, 3, 4, 5}, {1, 1, 1, 1, 1});
  cache.keep(std::vector<int64_t>{4, 1, 1, 3});
  add_tokens(cache, {5, 2, 2, 4}, {300, 1, 2, 1});
  cache.keep(std::vector<int64_t>{3, 0, 2});
  EXPECT_EQ(std::vector<int64_t>(cache.offsets().begin(), cache.offsets().end()), (std::vector<int64_t>{11, 302, 703}));
  expect_tokens(cache, 0, 4, GetParam());
  expect_tokens(cache, 1, 5, GetParam());
  for (size_t layer = 0; layer < 2; ++layer) EXPECT_EQ(cache.layers()[layer].buffers[0].shape(0), 3);
  // The cache that joined is as it was.
  EXPECT_EQ(other.offsets()[0], 9);
  expect_tokens(other, 0, 4, GetParam());
  // The longest has gone: its memory is given back.
  const size_t before = cache.bytes();
  cache.keep(std::vector<int64_t>{0});
  EXPECT_LE(cache.bytes(), before / 3);
  cache.keep({});
  EXPECT_EQ(cache.batch(), 0);
  EXPECT_EQ(cache.bytes(), 0u);
  add_tokens(cache, {7, 8}, {1, 2});
  expect_tokens(cache, 1, 8, GetParam());
}
INSTANTIATE_TEST_SUITE_P(Windows, Sequences, testing::Values(0, 4, 256));

TEST(PromptCache, OnlyLikeCachesAreAppended) {
  PromptCache cache(layers_with_windows({0, 4}), float32);
  EXPECT_THROW(cache.append(PromptCache(layers_with_windows({0}), float32)), Error);
  EXPECT_THROW(cache.append(PromptCache(layers_with_windows({0, 0}), float32)), Error);
  EXPECT_THROW(cache.append(PromptCache(layers_with_windows({0, 4}), float16)), Error);
  cache.append(PromptCache(layers_with_windows({0, 4}), float32));
  EXPECT_EQ(cache.batch(), 0);
  EXPECT_THROW(cache.keep(std::vector<int64_t>{0}), Error);
  add_tokens(cache, {1}, {3});
  EXPECT_THROW(cache.keep(std::vector<int64_t>{-1}), Error);
  EXPECT_THROW(cache.keep(std::vector<int64_t>{1}), Error);
  cache.append(cache);
  EXPECT_EQ(cache.batch(), 2);
  expect_tokens(cache, 1, 1, 0);
}

}  // namespace
}  // namespace mica::lm
