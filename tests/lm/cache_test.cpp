#include "mica/lm/cache.h"

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
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

TEST(KvCache, KeepsEverythingInOrder) {
  KvCache cache(0, float32);
  cache.update(numbered(0, 3), numbered(100, 3));
  const auto [keys, unused] = cache.update(numbered(3, 2), numbered(103, 2));
  EXPECT_EQ(values(keys), (std::vector<float>{0, 1, 2, 3, 4}));
  EXPECT_EQ(cache.offset(), 5);
}

TEST(KvCache, GrowsInStepsWithoutLosingTokens) {
  KvCache cache(0, float32);
  for (int i = 0; i < 600; ++i) {
    auto [keys, vals] = cache.update(numbered(i, 1), numbered(i, 1));
    eval(keys, vals);
    ASSERT_EQ(keys.shape(2), i + 1);
  }
  const auto [keys, unused] = cache.update(numbered(600, 1), numbered(600, 1));
  for (int i = 0; i <= 600; ++i) ASSERT_EQ(values(keys)[static_cast<size_t>(i)], static_cast<float>(i));
}

TEST(KvCache, AWindowBoundsTheMemory) {
  KvCache cache(8, float32);
  for (int i = 0; i < 3000; ++i) {
    auto [keys, vals] = cache.update(numbered(i, 1), numbered(i, 1));
    eval(keys, vals);
    const auto kept = values(keys);
    // All that the newest token may see is there, itself last.
    ASSERT_GE(kept.size(), static_cast<size_t>(std::min(i + 1, 8)));
    ASSERT_EQ(kept.back(), static_cast<float>(i));
    ASSERT_EQ(kept.front(), static_cast<float>(i + 1 - static_cast<int>(kept.size())));
  }
  EXPECT_EQ(cache.offset(), 3000);
  EXPECT_LE(cache.bytes(), size_t{2} * 512 * sizeof(float));
}

TEST(KvCache, TrimForgetsTheLastTokens) {
  KvCache cache(0, float32);
  cache.update(numbered(0, 10), numbered(0, 10));
  EXPECT_TRUE(cache.trim(4));
  const auto [keys, unused] = cache.update(numbered(50, 1), numbered(50, 1));
  EXPECT_EQ(values(keys), (std::vector<float>{0, 1, 2, 3, 4, 5, 50}));
  EXPECT_FALSE(cache.trim(8));
  EXPECT_EQ(cache.offset(), 7);
}

TEST(KvCache, TrimRefusesWhatAWindowHasDropped) {
  KvCache cache(4, float32);
  for (int i = 0; i < 1000; ++i) {
    auto [keys, vals] = cache.update(numbered(i, 1), numbered(i, 1));
    eval(keys, vals);
  }
  EXPECT_FALSE(cache.trim(900));
  EXPECT_EQ(cache.offset(), 1000);
}

}  // namespace
}  // namespace mica::lm
