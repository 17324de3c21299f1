// The best row found by a screen against looking at all products of the same kernels, and the screen's bounds against
// products in double precision.

#include "mica/cpu/row_screen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "mica/cpu/block_codec.h"
#include "mica/cpu/coarse_panel.h"
#include "tests/cpu/packed_fixture.h"

namespace mica::cpu {
namespace {

std::vector<QuantFormat> screened_formats() {
  std::vector<QuantFormat> out = {ggml_format(QuantKind::q8_0)};
  for (const int group_size : {32, 64, 128}) {
    for (const ScaleType type : {ScaleType::f32, ScaleType::f16, ScaleType::bf16}) {
      out.push_back(affine_format(8, group_size, type));
    }
  }
  return out;
}

std::vector<Isa> levels() {
  std::vector<Isa> out;
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512, Isa::avx512vnni, Isa::avx512bf16}) {
    if (isa <= active_isa()) out.push_back(isa);
  }
  return out;
}

using Rows = std::vector<int32_t>;

/// What best_rows is to find for each row of x, from all products.
Rows best_of_all(const PackedMatrix& weights, const std::vector<float>& x, ThreadPool& pool, Isa isa) {
  const int64_t count = static_cast<int64_t>(x.size()) / weights.cols();
  Activations activations;
  activations.assign(x.data(), count, weights.cols(), weights.cols());
  std::vector<float> y(static_cast<size_t>(count * weights.rows()));
  matmul(weights, activations, y.data(), weights.rows(), pool, {.level = isa});
  const auto is_less = [](float a, float b) { return std::isnan(b) ? !std::isnan(a) : a < b; };
  Rows out;
  for (auto row = y.begin(); row != y.end(); row += weights.rows()) {
    out.push_back(static_cast<int32_t>(std::max_element(row, row + weights.rows(), is_less) - row));
  }
  return out;
}

Rows screened(const RowScreen& screen, const PackedMatrix& weights, const std::vector<float>& x, ThreadPool& pool,
              Isa isa) {
  Rows out(x.size() / static_cast<size_t>(weights.cols()));
  Activations activations;
  activations.assign(x.data(), static_cast<int64_t>(out.size()), weights.cols(), weights.cols());
  screen.best_rows(activations, pool, out, isa);
  return out;
}

/// x: one row or several.
void expect_best(const PackedMatrix& weights, const std::vector<float>& x, const std::string& what) {
  ThreadPool pool(2);
  const RowScreen screen(weights, pool);
  for (const Isa isa : levels()) {
    EXPECT_EQ(screened(screen, weights, x, pool, isa), best_of_all(weights, x, pool, isa)) << what << isa_name(isa);
  }
}

/// The scales of the rows of q8_0 blocks.
void set_scale(RandomWeights& weights, int64_t row, float scale) {
  const int64_t bytes = weights.matrix.format.row_bytes(weights.matrix.cols);
  const uint16_t half = float_to_half(scale);
  for (int64_t at = row * bytes; at < (row + 1) * bytes; at += weights.matrix.format.block_bytes) {
    std::memcpy(weights.codes.data() + at, &half, 2);
  }
}

TEST(RowScreen, IsForCodesOf8BitsWithScalesOfOneLevel) {
  for (const QuantFormat& format : screened_formats()) EXPECT_TRUE(RowScreen::fits(format, Activation::int8));
  EXPECT_FALSE(RowScreen::fits(ggml_format(QuantKind::q8_0), Activation::exact));
  EXPECT_FALSE(RowScreen::fits(ggml_format(QuantKind::q6_k), Activation::int8));
}

TEST(RowScreen, FindsTheBestRowOfAnyShape) {
  ThreadPool pool(2);
  for (const QuantFormat& format : screened_formats()) {
    for (const int64_t rows : {1, 15, 16, 17, 300, 1003}) {
      for (const int64_t blocks : {1, 3, 5}) {
        const int64_t cols = blocks * format.group_size;
        const RandomWeights weights(format, rows, cols, static_cast<uint32_t>(rows));
        const PackedMatrix packed(weights.matrix, pool);
        expect_best(packed, random_floats(cols, 3), fmt::format("{} {} × {} ", format.name(), rows, cols));
        for (const int count : {1, 3, kMostScreened}) {
          const std::string what = fmt::format("{} {} × {}, {} rows with outliers ", format.name(), rows, cols, count);
          expect_best(packed, with_outliers(count, cols), what);
        }
      }
    }
  }
}

TEST(RowScreen, FindsAWinnerByALittleAmongRowsThatAreAlike) {
  // Rows that differ by one code each: what 5 bits tell of them is the same.
  ThreadPool pool(2);
  constexpr int64_t kRows = 500;
  constexpr int64_t kCols = 96;
  RandomWeights weights(ggml_format(QuantKind::q8_0), kRows, kCols);
  const auto bytes = static_cast<size_t>(weights.matrix.format.row_bytes(kCols));
  for (size_t row = 1; row < kRows; ++row) {
    std::copy_n(weights.codes.begin(), bytes, weights.codes.begin() + static_cast<std::ptrdiff_t>(row * bytes));
    weights.codes[row * bytes + 2 + row % 32] ^= 1;
  }
  const PackedMatrix packed(weights.matrix, pool);
  for (uint32_t seed = 1; seed < 20; ++seed) expect_best(packed, random_floats(kCols, seed), "alike ");
}

TEST(RowScreen, TakesTheFirstOfEqualRows) {
  ThreadPool pool(2);
  constexpr int64_t kCols = 64;
  RandomWeights weights(ggml_format(QuantKind::q8_0), 200, kCols);
  const auto bytes = static_cast<size_t>(weights.matrix.format.row_bytes(kCols));
  for (const size_t row : {43u, 150u, 199u}) {
    const auto to = weights.codes.begin() + static_cast<std::ptrdiff_t>(row * bytes);
    std::copy_n(weights.codes.begin() + static_cast<std::ptrdiff_t>(43 * bytes), bytes, to);
  }
  // The row itself is the vector with the largest product with it, of those of its length.
  std::vector<float> x(kCols);
  for (const int64_t row : {43, 150, 199}) set_scale(weights, row, 0.5f);
  dequantize_row(weights.matrix, 43, x.data());
  const PackedMatrix packed(weights.matrix, pool);
  EXPECT_EQ(best_of_all(packed, x, pool, Isa::reference), Rows{43});
  expect_best(packed, x, "equal rows ");
}

TEST(RowScreen, PassesOverNothingThatIsNotANumber) {
  ThreadPool pool(2);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr int64_t kCols = 64;
  for (const float scale : {kNan, kInfinity, -kInfinity, 65504.0f, -60000.0f, 0.0f}) {
    RandomWeights weights(ggml_format(QuantKind::q8_0), 100, kCols);
    set_scale(weights, 71, scale);
    expect_best(PackedMatrix(weights.matrix, pool), random_floats(kCols, 5), fmt::format("scale {} ", scale));
  }
  RandomWeights zeros(ggml_format(QuantKind::q8_0), 100, kCols);
  for (int64_t row = 0; row < 100; ++row) set_scale(zeros, row, 0.0f);
  expect_best(PackedMatrix(zeros.matrix, pool), random_floats(kCols, 5), "zeros ");
  const RandomWeights weights(ggml_format(QuantKind::q8_0), 100, kCols);
  for (const float value : {kNan, kInfinity, 3e38f, 0.0f}) {
    std::vector<float> x = random_floats(kCols, 6);
    x[9] = value;
    expect_best(PackedMatrix(weights.matrix, pool), x, fmt::format("x {} ", value));
  }
}

TEST(RowScreen, PausesWhereItIsInVain) {
  ThreadPool pool(2);
  const RandomWeights weights(ggml_format(QuantKind::q8_0), 1000, 64);
  const PackedMatrix packed(weights.matrix, pool);
  const RowScreen screen(packed, pool);
  // Its own row: the product with it is far above the others.
  std::vector<float> x(64);
  dequantize_row(weights.matrix, 77, x.data());
  EXPECT_TRUE(screen.is_worth_its_time());
  screened(screen, packed, x, pool, active_isa());
  EXPECT_TRUE(screen.is_worth_its_time());
  // All products are 0.
  std::fill(x.begin(), x.end(), 0.0f);
  EXPECT_EQ(screened(screen, packed, x, pool, active_isa()), Rows{0});
  int turns = 0;
  while (!screen.is_worth_its_time()) ++turns;
  EXPECT_GE(turns, 10);
  EXPECT_LE(turns, 100);
}

TEST(RowScreen, RefusesShapesThatDoNotFit) {
  ThreadPool pool(1);
  const RandomWeights weights(ggml_format(QuantKind::q8_0), 40, 64);
  EXPECT_THROW(RowScreen(PackedMatrix(weights.matrix, pool, 2), pool), std::invalid_argument);
  const RandomWeights others(ggml_format(QuantKind::q4_0), 40, 64);
  EXPECT_THROW(RowScreen(PackedMatrix(others.matrix, pool), pool), std::invalid_argument);
  const PackedMatrix packed(weights.matrix, pool);
  const RowScreen screen(packed, pool);
  const std::vector<float> x = random_floats((kMostScreened + 1) * 64, 1);
  EXPECT_THROW(screened(screen, packed, x, pool, active_isa()), std::invalid_argument);
}

TEST(RowScreen, BoundsHoldAndAreTight) {
  ThreadPool pool(1);
  for (const QuantFormat& format : screened_formats()) {
    const int64_t cols = 4 * std::max(format.group_size, 32);
    const RandomWeights weights(format, kPanelRows, cols);
    const PackedMatrix packed(weights.matrix, pool);
    const QuantFormat coarse = coarse_format(format).value_or(format);
    float bounds[kPanelRows];
    const auto write = [&](int64_t, int64_t, uint8_t* out) {
      coarsen_panel(packed.layout(), code_scheme(format).scale_type, packed.panel(0, 0), panel_layout(coarse, cols),
                    out, bounds);
    };
    const PackedMatrix rounded(coarse, kPanelRows, cols, 1.0f, pool, 1, write);
    std::vector<int64_t> rows(kPanelRows);
    std::iota(rows.begin(), rows.end(), 0);
    std::vector<float> a(static_cast<size_t>(kPanelRows * cols));
    std::vector<float> b(a.size());
    packed.dequantize_rows(rows, a.data());
    rounded.dequantize_rows(rows, b.data());
    for (int64_t row = 0; row < kPanelRows; ++row) {
      // The vector for which the products differ most is their difference.
      double squares = 0;
      for (int64_t i = row * cols; i < (row + 1) * cols; ++i) {
        const double left =
            static_cast<double>(a[static_cast<size_t>(i)]) - static_cast<double>(b[static_cast<size_t>(i)]);
        squares += left * left;
      }
      EXPECT_GE(static_cast<double>(bounds[row]), 1.0224 * std::sqrt(squares)) << format.name();
      EXPECT_LE(static_cast<double>(bounds[row]), 1.05 * std::sqrt(squares)) << format.name();
    }
  }
}

}  // namespace
}  // namespace mica::cpu
