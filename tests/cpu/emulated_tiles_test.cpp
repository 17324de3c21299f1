#include "tests/cpu/helpers/emulated_tiles.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace mica::cpu {
namespace {

/// Tiles 0: sums [rows, cols], 1: a [rows, depth], 2: b [depth, cols], of words.
EmulatedTiles tiles_of(int rows, int depth, int cols) {
  TileConfig config;
  config.set(0, rows, 4 * cols);
  config.set(1, rows, 4 * depth);
  config.set(2, depth, 4 * cols);
  EmulatedTiles tiles;
  tiles.configure(config);
  return tiles;
}

TEST(EmulatedTiles, MultiplyBytesOfAnySign) {
  EmulatedTiles tiles = tiles_of(2, 2, 3);
  const uint8_t a[2][8] = {{1, 2, 255, 128, 0, 0, 0, 1}, {127, 127, 127, 127, 128, 128, 128, 128}};
  const uint8_t b[2][12] = {{1, 1, 1, 1, 255, 255, 255, 255, 128, 0, 0, 0},
                            {2, 2, 2, 2, 200, 0, 0, 0, 255, 255, 255, 255}};
  tiles.load(1, a, sizeof a[0]);
  tiles.load(2, b, sizeof b[0]);
  struct Case {
    bool a_is_signed, b_is_signed;
    int32_t sums[2][3];
  };
  for (const Case& c : {Case{false, false, {{388, 98430, 383}, {1532, 155140, 146816}}},
                        Case{true, true, {{-124, 126, -129}, {-516, 6660, -15744}}},
                        Case{true, false, {{-124, -32130, 383}, {-516, 103940, -114304}}},
                        Case{false, true, {{388, -386, -129}, {1532, -7676, -16768}}}}) {
    tiles.zero(0);
    tiles.add_bytes(0, 1, 2, c.a_is_signed, c.b_is_signed);
    tiles.add_bytes(0, 1, 2, c.a_is_signed, c.b_is_signed);
    int32_t sums[2][3];
    tiles.store(0, sums, sizeof sums[0]);
    for (int m = 0; m < 2; ++m) {
      for (int n = 0; n < 3; ++n) EXPECT_EQ(sums[m][n], 2 * c.sums[m][n]) << m << n << c.a_is_signed << c.b_is_signed;
    }
  }
}

uint16_t bf16(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}

/// One sum: start + Σ x · y.
float bf16_sum(float start, const std::vector<float>& x, const std::vector<float>& y) {
  const auto pairs = static_cast<int>(x.size() / 2);
  EmulatedTiles tiles = tiles_of(1, pairs, 1);
  std::vector<uint16_t> a, b;
  for (const float value : x) a.push_back(bf16(value));
  for (const float value : y) b.push_back(bf16(value));
  tiles.load(0, &start, 4);
  tiles.load(1, a.data(), 4 * pairs);
  tiles.load(2, b.data(), 4);
  tiles.add_bf16(0, 1, 2);
  float sum = 0;
  tiles.store(0, &sum, 4);
  return sum;
}

TEST(EmulatedTiles, AddBfloat16InTheOrderOfTheManual) {
  const float big = 0x1p30f;
  // Even and odd columns are sums of their own: in the order of the columns the 1 would be lost.
  EXPECT_EQ(bf16_sum(0, {big, 1, -big, 0}, {1, 1, 1, 1}), 1.0f);
  // Within one of them it is lost, and what the tile holds comes last.
  EXPECT_EQ(bf16_sum(0, {big, 0, 1, 0, -big, 0}, {1, 1, 1, 1, 1, 1}), 0.0f);
  EXPECT_EQ(bf16_sum(1, {big, 0, -big, 0}, {1, 1, 1, 1}), 1.0f);
  // Halves are rounded to even.
  EXPECT_EQ(bf16_sum(0x1p24f, {1, 0}, {1, 0}), 0x1p24f);
  EXPECT_EQ(bf16_sum(0x1p24f + 2, {1, 0}, {1, 0}), 0x1p24f + 4);
}

TEST(EmulatedTiles, SubnormalNumbersAreZeros) {
  const float subnormal = 0x1p-130f;
  EXPECT_EQ(bf16_sum(0, {subnormal, 0}, {0x1p20f, 0}), 0.0f);
  EXPECT_EQ(bf16_sum(0, {0x1p-70f, 0}, {0x1p-70f, 0}), 0.0f);
  EXPECT_EQ(bf16_sum(subnormal, {0, 0}, {0, 0}), 0.0f);
  EXPECT_TRUE(std::isnan(bf16_sum(0, {INFINITY, 0}, {subnormal, 0})));
}

TEST(EmulatedTiles, KeepToTheirSizes) {
  EmulatedTiles tiles = tiles_of(3, 1, 2);
  const int32_t rows[3][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}};
  tiles.load(0, rows, sizeof rows[0]);
  int32_t out[4][3] = {};
  tiles.store(0, out, sizeof out[0]);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(out[i][0], rows[i][0]);
    EXPECT_EQ(out[i][1], rows[i][1]);
    EXPECT_EQ(out[i][2], 0);
  }
  EXPECT_EQ(out[3][0], 0);
}

TEST(EmulatedTiles, RefuseWhatTheProcessorRefuses) {
  EmulatedTiles tiles = tiles_of(2, 2, 2);
  EXPECT_THROW(tiles.zero(3), std::logic_error);
  EXPECT_THROW(tiles.add_bf16(0, 1, 1), std::logic_error);
  TileConfig config;
  config.set(0, 2, 8);
  config.set(1, 2, 8);
  config.set(2, 3, 8);
  tiles.configure(config);
  EXPECT_THROW(tiles.add_bf16(0, 1, 2), std::logic_error);
  config.set(3, 17, 8);
  EXPECT_THROW(tiles.configure(config), std::logic_error);
  tiles.release();
  EXPECT_THROW(tiles.zero(0), std::logic_error);
}

}  // namespace
}  // namespace mica::cpu
