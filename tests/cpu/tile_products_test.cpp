// Products of packed matrices by the tiles of a matrix unit (Isa::amx): the kernels' own machine code and emulated.

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/packed_matrix.h"
#include "tests/cpu/helpers/tile_levels.h"
#include "tests/cpu/packed_fixture.h"

namespace mica::cpu {
namespace {

class TileProducts : public testing::Test {
 protected:
  void SetUp() override {
    if (tile_levels().empty()) GTEST_SKIP() << "this processor lacks the AVX-512 that the kernels of tiles need";
  }

  /// x · Wᵀ + bias, all rows in one product.
  std::vector<float> product(const PackedMatrix& weights, const std::vector<float>& x, int64_t rows,
                             const KernelLevel& level, const float* bias = nullptr) {
    Activations activations;
    activations.assign(x.data(), rows, weights.cols(), weights.cols());
    std::vector<float> y(static_cast<size_t>(rows * weights.rows()), -7.0f);
    matmul(weights, activations, y.data(), weights.rows(), pool, {Activation::int8, bias, level});
    return y;
  }

  /// The same row by row.
  std::vector<float> rows_alone(const PackedMatrix& weights, const std::vector<float>& x, int64_t rows,
                                const KernelLevel& level, const float* bias = nullptr) {
    std::vector<float> y;
    for (int64_t row = 0; row < rows; ++row) {
      const auto begin = x.begin() + row * weights.cols();
      const std::vector<float> one = product(weights, {begin, begin + weights.cols()}, 1, level, bias);
      y.insert(y.end(), one.begin(), one.end());
    }
    return y;
  }

  ThreadPool pool{2};
  TrappedTiles trapped;
};

bool has_integer_codes(const QuantFormat& format) {
  return !format.is_dense() && format.kind != QuantKind::mxfp8;
}

/// Rows for which products of integer codes are computed in int8.
std::vector<int64_t> rows_for_int8(const PanelLayout& layout) {
  return layout.group < 32 ? std::vector<int64_t>{16, 19, 23} : std::vector<int64_t>{16, 17, 29, 63};
}

// Sums of integers are exact and their scaling is that of the other kernels: every bit is that of a row alone, whatever
// the rows beside it, outliers included.
TEST_F(TileProducts, Int8HasTheBitsOfOneRow) {
  const Isa isa = std::min(Isa::avx512vnni, detected_isa());
  for (const QuantFormat& format : all_formats()) {
    if (!has_integer_codes(format)) continue;
    const int64_t n = 37, k = test_cols(format);
    const RandomWeights weights(format, n, k);
    const PackedMatrix packed(weights.matrix, pool);
    const std::vector<float> bias = random_floats(n, 8);
    for (const int64_t m : rows_for_int8(packed.layout())) {
      const std::vector<float> x = with_outliers(m, k);
      const std::vector<float> alone = rows_alone(packed, x, m, isa, bias.data());
      for (const TileLevel& tiles : tile_levels()) {
        SCOPED_TRACE(format.name() + " " + tiles.name + " rows " + std::to_string(m));
        ASSERT_EQ(product(packed, x, m, tiles.level, bias.data()), alone);
      }
    }
  }
}

// Columns of several blocks, panels and rows of several calls of a kernel, and of a part of the last.
TEST_F(TileProducts, Int8OfManyColumnsAndPanels) {
  const QuantFormat format = affine_format(4, 32, ScaleType::f16);
  const int64_t n = 9 * 16 + 5, k = 2 * 1024 + 96, m = 33;
  const RandomWeights weights(format, n, k);
  const PackedMatrix packed(weights.matrix, pool);
  const std::vector<float> x = with_outliers(m, k);
  const std::vector<float> alone = rows_alone(packed, x, m, Isa::avx512vnni);
  for (const TileLevel& tiles : tile_levels()) EXPECT_EQ(product(packed, x, m, tiles.level), alone) << tiles.name;
}

std::vector<float> rounded_to_bf16(std::vector<float> values) {
  for (float& value : values) value = bfloat_to_float(float_to_bfloat(value));
  return values;
}

/// Compares with the product of activations and weights that are both rounded to bf16, in f64. Products are exact; each
/// of the k additions in f32 rounds by 2^-24 of what is there, Σ|w·x| at most, and subnormal numbers count as 0. Where
/// a weight is a sum of roundings of its own (scale · code + bias), one in 2^15 may be rounded to the next bf16, a step
/// of 2^-8: room for two such in a sum.
void expect_bf16_product(const std::vector<float>& y, const std::vector<float>& weights, int64_t n, int64_t k,
                         const std::vector<float>& x, int64_t m) {
  const std::vector<float> w = rounded_to_bf16(weights);
  const std::vector<float> a = rounded_to_bf16(x);
  const Expected expected = multiply(w, n, k, a, m);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const auto at = static_cast<size_t>(i * n + j);
      float largest = 0;
      for (int64_t c = 0; c < k; ++c) {
        largest = std::max(largest, std::fabs(w[static_cast<size_t>(j * k + c)] * a[static_cast<size_t>(i * k + c)]));
      }
      const double bound = static_cast<double>(k) * 0x1p-24 * (expected.magnitude[at] + 0x1p-100) +
                           2 * 0x1p-8 * static_cast<double>(largest);
      ASSERT_NEAR(static_cast<double>(y[at]), expected.product[at], bound) << i << " " << j;
    }
  }
}

/// Rows for which products are computed in bf16.
std::vector<int64_t> rows_for_bf16(const QuantFormat& format, const PanelLayout& layout) {
  if (!has_integer_codes(format)) return {16, 17, 33, 50};
  return layout.group < 32 ? std::vector<int64_t>{24, 50} : std::vector<int64_t>{64, 81};
}

TEST_F(TileProducts, Bf16EqualsTheProductOfRoundedOperands) {
  for (const QuantFormat& format : all_formats()) {
    if (format.kind == QuantKind::f16 || format.kind == QuantKind::f32) continue;
    const int64_t n = 37, k = test_cols(format);
    const RandomWeights weights(format, n, k);
    const PackedMatrix packed(weights.matrix, pool);
    const std::vector<float> values = dequantized(weights.matrix);
    for (const int64_t m : rows_for_bf16(format, packed.layout())) {
      const std::vector<float> x = with_outliers(m, k);
      for (const TileLevel& tiles : tile_levels()) {
        SCOPED_TRACE(format.name() + " " + tiles.name + " rows " + std::to_string(m));
        expect_bf16_product(product(packed, x, m, tiles.level), values, n, k, x, m);
      }
    }
  }
}

TEST_F(TileProducts, Bf16OfManyColumnsPanelsAndRows) {
  struct Shape {
    QuantFormat format;
    int64_t m, n, k;
  };
  for (const auto& [format, m, n, k] : {Shape{dense_format(QuantKind::bf16), 17, 9 * 16 + 5, 1100},
                                        Shape{affine_format(4, 64, ScaleType::bf16), 73, 40, 1600},
                                        Shape{affine_format(8, 64, ScaleType::f16), 32 * 16 + 19, 21, 64},
                                        Shape{ggml_format(QuantKind::q4_k), 72, 33, 1280}}) {
    const RandomWeights weights(format, n, k);
    const PackedMatrix packed(weights.matrix, pool);
    const std::vector<float> x = with_outliers(m, k);
    for (const TileLevel& tiles : tile_levels()) {
      SCOPED_TRACE(format.name() + " " + tiles.name);
      expect_bf16_product(product(packed, x, m, tiles.level), dequantized(weights.matrix), n, k, x, m);
    }
  }
}

// The last block of columns ends in the middle of a tile, behind which the block before had an infinity.
TEST_F(TileProducts, NothingIsLeftOfTheBlockBefore) {
  const int64_t n = 20, k = 512 + 16, m = 16;
  const std::vector<float> x(static_cast<size_t>(m * k), 1.0f);
  std::vector<uint16_t> values(static_cast<size_t>(n * k), float_to_bfloat(1.0f));
  for (int64_t row = 0; row < n; ++row) values[static_cast<size_t>(row * k + 20)] = float_to_bfloat(INFINITY);
  const PackedMatrix packed({dense_format(QuantKind::bf16), n, k, values.data()}, pool);
  const std::vector<float> expected(static_cast<size_t>(m * n), INFINITY);
  for (const TileLevel& tiles : tile_levels()) EXPECT_EQ(product(packed, x, m, tiles.level), expected) << tiles.name;
}

// The choice of arithmetic does not depend on the row, nor do its sums.
TEST_F(TileProducts, Bf16RowsAreIndependent) {
  const QuantFormat format = dense_format(QuantKind::bf16);
  const int64_t n = 40, k = 700, m = 37;
  const RandomWeights weights(format, n, k);
  const PackedMatrix packed(weights.matrix, pool);
  const std::vector<float> x = with_outliers(m, k);
  for (const TileLevel& tiles : tile_levels()) {
    const std::vector<float> all = product(packed, x, m, tiles.level);
    const std::vector<float> last = product(packed, {x.end() - 20 * k, x.end()}, 20, tiles.level);
    EXPECT_EQ(std::vector(all.end() - 20 * n, all.end()), last) << tiles.name;
  }
}

TEST_F(TileProducts, FewRowsAndExactProductsAreThoseWithoutTiles) {
  const QuantFormat format = affine_format(4, 64, ScaleType::f16);
  const int64_t n = 20, k = 128, m = 15;
  const RandomWeights weights(format, n, k);
  const PackedMatrix packed(weights.matrix, pool);
  const std::vector<float> x = random_floats(2 * m * k, 3);
  for (const TileLevel& tiles : tile_levels()) {
    EXPECT_EQ(product(packed, x, m, tiles.level), product(packed, x, m, Isa::avx512bf16));
    Activations activations;
    activations.assign(x.data(), 2 * m, k, k);
    std::vector<float> y(static_cast<size_t>(2 * m * n)), expected(y.size());
    matmul(packed, activations, y.data(), n, pool, {Activation::exact, nullptr, tiles.level});
    matmul(packed, activations, expected.data(), n, pool, {Activation::exact, nullptr, Isa::avx512});
    EXPECT_EQ(y, expected);
  }
}

TEST_F(TileProducts, GroupsOfRowsTakeTilesOfTheirOwn) {
  const QuantFormat format = affine_format(4, 32, ScaleType::bf16);
  const int64_t experts = 4, n = 23, k = 96;
  const RandomWeights weights(format, experts * n, k);
  const PackedMatrix packed(weights.matrix, pool, experts);
  const std::vector<float> x = with_outliers(50, k);
  std::vector<int32_t> rows(20 + 33 + 17);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i * 7 % 50);
  const std::vector<int32_t> ends = {20, 20, 53, 70};
  const std::vector<int32_t> slices = {3, 0, 1, 2};
  const std::vector<float> bias = random_floats(experts * n, 9);
  for (const TileLevel& tiles : tile_levels()) {
    SCOPED_TRACE(tiles.name);
    Activations activations;
    activations.gather(x.data(), k, k, rows, ends);
    std::vector<float> y(rows.size() * static_cast<size_t>(n)), expected(y.size());
    grouped_matmul(packed, activations, slices, y.data(), n, pool, {Activation::int8, bias.data(), tiles.level});
    grouped_matmul(packed, activations, slices, expected.data(), n, pool,
                   {Activation::int8, bias.data(), Isa::avx512vnni});
    EXPECT_EQ(y, expected);
    // Several groups in one product with one slice.
    matmul(packed, activations, y.data(), n, pool, {Activation::int8, nullptr, tiles.level}, 1);
    matmul(packed, activations, expected.data(), n, pool, {Activation::int8, nullptr, Isa::avx512vnni}, 1);
    EXPECT_EQ(y, expected);
  }
}

// Two weights whose activations are read in different forms, in one loop and one through a gate.
TEST_F(TileProducts, ProductsOfSeveralWeights) {
  const int64_t n = 150, k = 256;
  for (const int64_t m : {20, 90}) {
    const std::vector<float> x = random_floats(m * k, 3), residual = random_floats(m * n, 4);
    const RandomWeights q4(affine_format(4, 64, ScaleType::f16), n, k), q6(ggml_format(QuantKind::q6_k), n, k),
        f16(dense_format(QuantKind::f16), n, k);
    const PackedMatrix packed[3] = {{q4.matrix, pool}, {q6.matrix, pool}, {f16.matrix, pool}};
    const auto& kernels = elementwise_kernels();
    const auto gate = kernels.unary[static_cast<size_t>(UnaryOp::sigmoid)];
    const auto multiply = kernels.binary[static_cast<size_t>(BinaryOp::multiply)];
    for (const TileLevel& tiles : tile_levels()) {
      SCOPED_TRACE(tiles.name + " rows " + std::to_string(m));
      Activations activations;
      activations.assign(x.data(), m, k, k);
      std::vector<float> y[3], alone[3];
      Product products[3];
      for (int i = 0; i < 3; ++i) {
        alone[i] = product(packed[i], x, m, tiles.level);
        y[i].resize(alone[i].size());
        products[i] = {.weights = &packed[i], .y = y[i].data(), .y_stride = n};
      }
      matmul(products, activations, pool, Activation::int8, tiles.level);
      for (int i = 0; i < 3; ++i) EXPECT_EQ(y[i], alone[i]) << i;

      for (const int b : {1, 2}) {
        if (b == 2) alone[0] = product(packed[0], x, m, Isa::avx512bf16);  // f16 knows no tiles: neither does the other
        std::vector<float> gated(alone[0].size()), expected(gated.size());
        const Product out = {.y = gated.data(), .y_stride = n, .residual = residual.data(), .scale = 0.5f};
        gated_matmul(products[0], products[b], out, UnaryOp::sigmoid, activations, pool, Activation::int8, tiles.level);
        gate(alone[0].data(), expected.data(), m * n);
        multiply(expected.data(), alone[b].data(), expected.data(), m * n);
        for (size_t i = 0; i < expected.size(); ++i) expected[i] = residual[i] + 0.5f * expected[i];
        // The compiler may round the last line once or twice.
        for (size_t i = 0; i < expected.size(); ++i) {
          ASSERT_NEAR(gated[i], expected[i], 0x1p-23f * (std::fabs(residual[i]) + std::fabs(expected[i]))) << b << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace mica::cpu
