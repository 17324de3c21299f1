#include "mica/lm/cache.h"

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
    cache_.reserve(1, offset_, count, true);
    const array place(static_cast<int32_t>(offset_ - cache_.first()));
    for (array& buffer : cache_.buffers) {
      buffer = put_rows(buffer, numbered(first, count), reshape(place, {1}));
      buffer.eval();
    }
    offset_ += count;
  }

  /// The tokens that are there, the newest last.
  std::vector<float> kept() const {
    const int64_t length = offset_ - cache_.first();
    EXPECT_EQ(values(cache_.buffers[0]), values(cache_.buffers[1]));
    return values(slice(cache_.buffers[0], {0, 0, 0, 0}, {1, 1, length, 1}));
  }

  bool trim(int count) {
    if (!cache_.can_trim(offset_ - count)) return false;
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

TEST(PromptCache, SequencesOfDifferentLengthsKeepTheirTokens) {
  PromptCache cache(layers_with_windows({4}));
  const std::vector<int64_t> counts = {3, 1};
  for (int i = 0; i < 300; ++i) {
    cache.reserve(2, 3);
    cache.advance(counts);
  }
  EXPECT_EQ(cache.offset(), 900);
  EXPECT_EQ(cache.offsets()[1], 300);
  // The window of one is not the window of the other: nothing is dropped.
  EXPECT_EQ(cache.layers()[0].first(), 0);
  EXPECT_THROW(cache.reserve(3, 1), Error);
}

}  // namespace
}  // namespace mica::lm
