#include "mica/cpu/packed_matrix.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>

#include <gtest/gtest.h>

#include "mica/base/error.h"
#include "mica/cpu/kernels/panel.h"
#include "tests/cpu/packed_fixture.h"

namespace mica::cpu {
namespace {

std::vector<Isa> kernel_levels() {
  std::vector<Isa> levels;
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512, Isa::avx512vnni, Isa::avx512bf16}) {
    if (isa <= detected_isa()) levels.push_back(isa);
  }
  return levels;
}

TEST(PackedMatrix, GivesItsRowsBack) {
  ThreadPool pool(2);
  for (const QuantFormat& format : all_formats()) {
    SCOPED_TRACE(format.name());
    const int64_t rows = 3 * 21, cols = test_cols(format);
    const RandomWeights weights(format, rows, cols);
    const PackedMatrix packed(weights.matrix, pool, 3);  // slices of 21 rows: panels are cut
    std::vector<float> out(static_cast<size_t>(cols)), expected(out.size());
    for (int64_t row = 0; row < rows; ++row) {
      packed.dequantize_rows(std::span(&row, 1), out.data());
      dequantize_row(weights.matrix, row, expected.data());
      ASSERT_EQ(std::memcmp(out.data(), expected.data(), out.size() * 4), 0) << row;
    }
  }
}

TEST(PackedMatrix, TakesTheRoomOfTheOriginal) {
  ThreadPool pool(1);
  for (const QuantFormat& format : all_formats()) {
    const int64_t rows = 64, cols = 1024;
    const RandomWeights weights(format, rows, cols);
    const double original = format.bits_per_weight() / 8 * static_cast<double>(rows * cols);
    EXPECT_LE(static_cast<double>(PackedMatrix(weights.matrix, pool).bytes()), 1.04 * original) << format.name();
  }
}

// Activations stay f32 and weights are those of dequantize_row, up to one rounding of a sum per value where a format
// has biases: what remains is the rounding of the sum, at most cols · 2^-24 of Σ|w·x|, doubled for that rounding.
TEST(PackedMatmul, ExactEqualsDequantizeAndDot) {
  ThreadPool pool(2);
  for (const QuantFormat& format : all_formats()) {
    const int64_t n = 37, k = test_cols(format);
    const RandomWeights weights(format, n, k);
    const PackedMatrix packed(weights.matrix, pool);
    const std::vector<float> values = dequantized(weights.matrix);
    for (const int64_t m : {1, 2, 3, 7, 12, 29}) {
      const std::vector<float> x = random_floats(m * k, 7);
      const std::vector<float> bias = random_floats(n, 8);
      const Expected expected = multiply(values, n, k, x, m);
      Activations activations;
      activations.assign(x.data(), m, k, k);
      for (const Isa isa : kernel_levels()) {
        SCOPED_TRACE(format.name() + " " + std::string(isa_name(isa)) + " rows " + std::to_string(m));
        const int64_t stride = n + 3;
        std::vector<float> y(static_cast<size_t>(m * stride), -7.0f);
        matmul(packed, activations, y.data(), stride, pool, {Activation::exact, bias.data(), isa});
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            const auto at = static_cast<size_t>(i * n + j);
            const double wanted = expected.product[at] + static_cast<double>(bias[static_cast<size_t>(j)]);
            const double bound = (expected.magnitude[at] + 1.0) * static_cast<double>(k) * 0x1p-23;
            ASSERT_NEAR(static_cast<double>(y[static_cast<size_t>(i * stride + j)]), wanted, bound) << i << " " << j;
          }
          for (int64_t j = n; j < stride; ++j) ASSERT_EQ(y[static_cast<size_t>(i * stride + j)], -7.0f);
        }
      }
    }
  }
}

/// Activations as the int8 path sees them: rounded to 127 steps of the largest magnitude of a group, and where that is
/// more than `limit_factor` times the root mean square of the row, to 127 of half of such a step.
std::vector<float> rounded_activations(const std::vector<float>& x, int64_t rows, int64_t cols, int64_t group,
                                       double limit_factor) {
  std::vector<float> out(x.size());
  for (int64_t row = 0; row < rows; ++row) {
    const std::span<const float> values(&x[static_cast<size_t>(row * cols)], static_cast<size_t>(cols));
    const double squares = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
    const double limit = limit_factor * std::sqrt(squares / static_cast<double>(cols));
    for (int64_t begin = 0; begin < cols; begin += group) {
      const int64_t end = std::min(cols, begin + group);
      float largest = 0;
      for (int64_t c = begin; c < end; ++c) largest = std::max(largest, std::fabs(values[static_cast<size_t>(c)]));
      const float scale = largest / 127.0f;
      for (int64_t c = begin; c < end; ++c) {
        const float value = values[static_cast<size_t>(c)];
        float& rounded = out[static_cast<size_t>(row * cols + c)];
        rounded = scale == 0 ? 0 : std::nearbyint(value * (127.0f / largest)) * scale;
        if (static_cast<double>(largest) <= limit) continue;
        const float finer = scale / 254.0f;
        rounded += std::nearbyint((value - rounded) / finer) * finer;
      }
    }
  }
  return out;
}

/// The limit_factor of a format.
double limit_factor_of(const QuantFormat& format) {
  if (format.kind != QuantKind::affine || format.bits > 3) return 7;
  return format.bits == 3 ? 4 : 0;
}

/// Whether kernels with AVX512-BF16 take the biases of a format from the middle code on and multiply them in bf16.
bool has_paired_biases(const QuantFormat& format) {
  const bool is_half = format.scale_type == ScaleType::f16 || format.scale_type == ScaleType::bf16;
  return (format.has_biases && is_half) || format.kind == QuantKind::q4_1 || format.kind == QuantKind::q5_1;
}

/// What the middle code stands for, for every weight.
std::vector<float> middle_values(const RandomWeights& weights) {
  std::vector<uint8_t> codes = weights.codes;
  const auto block = static_cast<size_t>(weights.matrix.format.block_bytes);
  const bool is_q5 = weights.matrix.format.kind == QuantKind::q5_1;
  const int bits = weights.matrix.format.bits;
  for (size_t i = 0; i < codes.size(); ++i) {
    if (weights.matrix.format.is_ggml_block()) {
      if (i % block < 4) continue;  // d, m
      codes[i] = !is_q5 ? 0x88 : i % block < 8 ? 0xff : 0;
    } else {
      codes[i] = 0;
      for (size_t bit = 8 * i; bit < 8 * i + 8; ++bit) {
        const bool is_highest = bit % static_cast<size_t>(bits) == static_cast<size_t>(bits) - 1;
        codes[i] = static_cast<uint8_t>(codes[i] | (is_highest ? 1 : 0) << (bit % 8));
      }
    }
  }
  QuantizedMatrix matrix = weights.matrix;
  matrix.codes = codes.data();
  return dequantized(matrix);
}

/// Rounded to bf16, halves away from zero.
double rounded_to_bf16(float value) {
  return static_cast<double>(std::bit_cast<float>((std::bit_cast<uint32_t>(value) + 0x8000u) & 0xffff0000u));
}

/// What a product changes by if the middle values, and the sums of the first digits of groups of 32 activations that
/// they are multiplied with, are rounded to bf16.
std::vector<double> change_by_paired_biases(const RandomWeights& weights, const std::vector<float>& x, int64_t m) {
  const auto [format, n, k, codes, scales, biases, factor] = weights.matrix;
  const std::vector<float> middle = middle_values(weights);
  std::vector<double> out(static_cast<size_t>(m * n));
  for (int64_t at = 0; at < m * k; at += 32) {
    const std::span<const float> group(&x[static_cast<size_t>(at)], 32);
    float largest = 0;
    for (const float value : group) largest = std::max(largest, std::fabs(value));
    const float scale = largest / 127.0f;
    float digits = 0;
    for (const float value : group) digits += std::nearbyint(value * (127.0f / largest));
    const float sum = scale * digits;
    for (int64_t j = 0; j < n; ++j) {
      const float bias = middle[static_cast<size_t>(j * k + at % k)];
      out[static_cast<size_t>(at / k * n + j)] +=
          rounded_to_bf16(bias) * rounded_to_bf16(sum) - static_cast<double>(bias) * static_cast<double>(sum);
    }
  }
  return out;
}

// Against the product with activations rounded by the definition, only f32 rounding remains. Codes count with their
// offset (up to 255 where values reach ±127), so sums before the bias may be several times larger: hence 16.
TEST(PackedMatmul, Int8EqualsTheProductOfRoundedActivations) {
  ThreadPool pool(2);
  for (const QuantFormat& format : all_formats()) {
    if (format.is_dense() || format.kind == QuantKind::mxfp8) continue;
    const int64_t n = 37, k = test_cols(format);
    const RandomWeights weights(format, n, k);
    const PackedMatrix packed(weights.matrix, pool);
    const std::vector<float> values = dequantized(weights.matrix);
    const int64_t group = 32;
    for (const int64_t m : {1, 2, 3, 7, 12, 29}) {
      const std::vector<float> x = with_outliers(m, k);
      const Expected expected = multiply(values, n, k, rounded_activations(x, m, k, group, limit_factor_of(format)), m);
      const std::vector<double> change = has_paired_biases(format) ? change_by_paired_biases(weights, x, m)
                                                                   : std::vector<double>(static_cast<size_t>(m * n));
      const double typical = std::sqrt(static_cast<double>(k));
      Activations activations;
      activations.assign(x.data(), m, k, k);
      for (const Isa isa : kernel_levels()) {
        SCOPED_TRACE(format.name() + " " + std::string(isa_name(isa)) + " rows " + std::to_string(m));
        std::vector<float> y(static_cast<size_t>(m * n));
        matmul(packed, activations, y.data(), n, pool, {Activation::int8, nullptr, isa});
        for (size_t at = 0; at < y.size(); ++at) {
          const double bound = 16 * (expected.magnitude[at] + 1.0) * typical * 0x1p-24;
          const double wanted = expected.product[at] + (isa >= Isa::avx512bf16 ? change[at] : 0.0);
          ASSERT_NEAR(static_cast<double>(y[at]), wanted, bound) << at;
        }
      }
    }
  }
}

// Squares that f32 has no numbers for, and rows that are no numbers: neither may disturb the rows beside them.
TEST(PackedMatmul, Int8OfExtremeRows) {
  ThreadPool pool(2);
  const QuantFormat format = ggml_format(QuantKind::q8_0);
  const int64_t n = 20, k = 160, m = 12;
  const RandomWeights weights(format, n, k);
  const PackedMatrix packed(weights.matrix, pool);
  const std::vector<float> values = dequantized(weights.matrix);
  for (const float factor : {1e-25f, 1e-17f, 1e25f}) {
    std::vector<float> x = random_floats(m * k, 7);
    for (float& value : x) value *= factor;
    const Expected expected = multiply(values, n, k, x, m);
    x[3 * k + 70] = std::numeric_limits<float>::quiet_NaN();
    x[7 * k + 11] = std::numeric_limits<float>::infinity();
    Activations activations;
    activations.assign(x.data(), m, k, k);
    for (const Isa isa : kernel_levels()) {
      SCOPED_TRACE(std::to_string(factor) + " " + std::string(isa_name(isa)));
      std::vector<float> y(static_cast<size_t>(m * n));
      matmul(packed, activations, y.data(), n, pool, {Activation::int8, nullptr, isa});
      for (int64_t at = 0; at < m * n; ++at) {
        if (at / n == 3 || at / n == 7) continue;
        // A value is off by half of a step at most, 1 / 254 of the largest of its group.
        const double bound = expected.magnitude[static_cast<size_t>(at)] * 4 / 254;
        ASSERT_NEAR(static_cast<double>(y[static_cast<size_t>(at)]), expected.product[static_cast<size_t>(at)], bound);
      }
    }
  }
}

// Where the CPU multiplies bfloat16, activations are rounded to it; only f32 rounding remains. Elsewhere nothing is
// rounded.
TEST(PackedMatmul, Bf16EqualsTheProductOfRoundedActivations) {
  ThreadPool pool(2);
  const QuantFormat format = dense_format(QuantKind::bf16);
  for (const int64_t k : {16, 250, 768}) {
    const int64_t n = 37;
    const RandomWeights weights(format, n, k);
    const PackedMatrix packed(weights.matrix, pool);
    const std::vector<float> values = dequantized(weights.matrix);
    for (const int64_t m : {1, 2, 3, 7, 12, 29}) {
      const std::vector<float> x = with_outliers(m, k);
      std::vector<float> rounded = x;
      for (float& value : rounded) value = static_cast<float>(bfloat16_t(value));
      for (const Isa isa : kernel_levels()) {
        SCOPED_TRACE(std::string(isa_name(isa)) + " rows " + std::to_string(m));
        const Expected expected = multiply(values, n, k, isa >= Isa::avx512bf16 ? rounded : x, m);
        Activations activations;
        activations.assign(x.data(), m, k, k);
        std::vector<float> y(static_cast<size_t>(m * n));
        matmul(packed, activations, y.data(), n, pool, {Activation::int8, nullptr, isa});
        for (size_t at = 0; at < y.size(); ++at) {
          const double bound = (expected.magnitude[at] + 1.0) * static_cast<double>(k) * 0x1p-23;
          ASSERT_NEAR(static_cast<double>(y[at]), expected.product[at], bound) << at;
        }
      }
    }
  }
}

// A row's result does not depend on the rows that it shares a tile with, whatever groups these refine.
TEST(PackedMatmul, RowsWithOutliersAreIndependent) {
  ThreadPool pool(2);
  for (const QuantFormat& format :
       {affine_format(4, 64, ScaleType::f16), ggml_format(QuantKind::q6_k), dense_format(QuantKind::bf16)}) {
    const int64_t n = 40, k = 768, m = 29;
    const RandomWeights weights(format, n, k);
    const PackedMatrix packed(weights.matrix, pool);
    const std::vector<float> x = with_outliers(m, k);
    for (const Isa isa : kernel_levels()) {
      // In float32 a row alone is added up in several sums.
      if (format.is_dense() && isa < Isa::avx512bf16) continue;
      SCOPED_TRACE(format.name() + " " + std::string(isa_name(isa)));
      Activations activations;
      activations.assign(x.data(), m, k, k);
      std::vector<float> together(static_cast<size_t>(m * n)), alone(static_cast<size_t>(n));
      matmul(packed, activations, together.data(), n, pool, {Activation::int8, nullptr, isa});
      for (int64_t row = 0; row < m; ++row) {
        activations.assign(x.data() + row * k, 1, k, k);
        matmul(packed, activations, alone.data(), n, pool, {Activation::int8, nullptr, isa});
        for (int64_t j = 0; j < n; ++j) {
          ASSERT_EQ(together[static_cast<size_t>(row * n + j)], alone[static_cast<size_t>(j)]) << row << " " << j;
        }
      }
    }
  }
}

// What rounding activations to int8 costs: every value is off by at most half a step, so the product by at most
// Σ|w| · step / 2; and with independent roundings by about its root mean square, step / √12 · √Σw².
TEST(PackedMatmul, Int8ErrorIsThatOfTheRounding) {
  ThreadPool pool(2);
  const QuantFormat format = affine_format(4, 64, ScaleType::f16);
  const int64_t n = 64, k = 1024, m = 8;
  const RandomWeights weights(format, n, k);
  const PackedMatrix packed(weights.matrix, pool);
  const std::vector<float> values = dequantized(weights.matrix);
  const std::vector<float> x = random_floats(m * k, 7);
  const Expected expected = multiply(values, n, k, x, m);
  Activations activations;
  activations.assign(x.data(), m, k, k);
  std::vector<float> y(static_cast<size_t>(m * n));
  matmul(packed, activations, y.data(), n, pool, {Activation::int8});
  double squares = 0, predicted = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double variance = 0, worst = 0;
      for (int64_t begin = 0; begin < k; begin += 32) {
        double largest = 0, sum = 0, sum_squares = 0;
        for (int64_t c = begin; c < begin + 32; ++c) {
          largest = std::max(largest, std::fabs(static_cast<double>(x[static_cast<size_t>(i * k + c)])));
          const auto w = static_cast<double>(values[static_cast<size_t>(j * k + c)]);
          sum += std::fabs(w);
          sum_squares += w * w;
        }
        worst += largest / 127 / 2 * sum;
        variance += largest / 127 * largest / 127 / 12 * sum_squares;
      }
      const double error =
          static_cast<double>(y[static_cast<size_t>(i * n + j)]) - expected.product[static_cast<size_t>(i * n + j)];
      EXPECT_LE(std::fabs(error), worst);
      squares += error * error;
      predicted += variance;
    }
  }
  EXPECT_LT(std::sqrt(squares), 1.2 * std::sqrt(predicted));
  EXPECT_GT(std::sqrt(squares), 0.8 * std::sqrt(predicted));
}

TEST(PackedMatmul, SlicesAndGroupsOfRows) {
  ThreadPool pool(2);
  const QuantFormat format = affine_format(4, 32, ScaleType::bf16);
  const int64_t experts = 5, n = 23, k = 96;
  const RandomWeights weights(format, experts * n, k);
  const PackedMatrix packed(weights.matrix, pool, experts);
  const std::vector<float> values = dequantized(weights.matrix);
  const std::vector<float> x = random_floats(4 * k, 7);
  const std::vector<float> bias = random_floats(experts * n, 9);
  const std::vector<int32_t> rows = {0, 1, 2, 3, 0, 1, 2, 3, 2, 3, 1};
  const std::vector<int32_t> ends = {1, 1, 8, 11};
  const std::vector<int32_t> slices = {4, 0, 2, 1};
  for (const Activation activation : {Activation::exact, Activation::int8}) {
    Activations grouped;
    grouped.gather(x.data(), k, k, rows, ends);
    std::vector<float> y(rows.size() * static_cast<size_t>(n));
    grouped_matmul(packed, grouped, slices, y.data(), n, pool, {activation, bias.data()});
    Activations single;
    int64_t group = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      while (static_cast<int64_t>(i) >= ends[static_cast<size_t>(group)]) ++group;
      const int64_t slice = slices[static_cast<size_t>(group)];
      std::vector<float> expected(static_cast<size_t>(n));
      single.assign(x.data() + rows[i] * k, 1, k, k);
      matmul(packed, single, expected.data(), n, pool, {activation, bias.data() + slice * n}, slice);
      for (size_t j = 0; j < expected.size(); ++j) {
        // One row and several rows may sum in another order.
        ASSERT_NEAR(y[i * static_cast<size_t>(n) + j], expected[j], 1e-4) << i << " " << j;
      }
    }
  }
}

TEST(PackedMatmul, RefusesShapesThatDoNotFit) {
  ThreadPool pool(1);
  const QuantFormat format = ggml_format(QuantKind::q4_0);
  const RandomWeights weights(format, 6, 64);
  EXPECT_THROW(PackedMatrix(weights.matrix, pool, 4), Error);
  QuantizedMatrix odd = weights.matrix;
  odd.cols = 63;
  EXPECT_THROW(PackedMatrix(odd, pool), Error);
  const PackedMatrix packed(weights.matrix, pool, 2);
  const std::vector<float> x(96);
  std::vector<float> y(6);
  Activations activations;
  activations.assign(x.data(), 1, 96, 96);
  EXPECT_THROW(matmul(packed, activations, y.data(), 3, pool), std::invalid_argument);
  activations.assign(x.data(), 1, 64, 64);
  EXPECT_THROW(matmul(packed, activations, y.data(), 3, pool, {}, 2), std::invalid_argument);
  const int32_t slices[] = {0, 1};
  EXPECT_THROW(grouped_matmul(packed, activations, slices, y.data(), 3, pool), std::invalid_argument);
  const int64_t row = 6;
  EXPECT_THROW(packed.dequantize_rows(std::span(&row, 1), y.data()), std::out_of_range);
  const int32_t rows[] = {0};
  const int32_t ends[] = {2};
  EXPECT_THROW(activations.gather(x.data(), 64, 64, rows, ends), Error);
}

TEST(PackedMatmul, NothingToDo) {
  ThreadPool pool(1);
  const PackedMatrix none(QuantizedMatrix{dense_format(QuantKind::f32), 0, 8}, pool);
  const PackedMatrix no_columns(QuantizedMatrix{dense_format(QuantKind::f32), 3, 0}, pool);
  const float x[8] = {};
  float y[3] = {7, 7, 7};
  const float bias[3] = {1, 2, 3};
  Activations activations;
  activations.assign(x, 0, 8, 8);
  matmul(none, activations, y, 0, pool);
  activations.assign(x, 1, 8, 8);
  matmul(none, activations, y, 0, pool);
  EXPECT_EQ(y[0], 7.0f);
  activations.assign(x, 1, 0, 0);
  matmul(no_columns, activations, y, 3, pool, {Activation::int8, bias});
  EXPECT_EQ(y[0], 1.0f);
  EXPECT_EQ(y[2], 3.0f);
}

}  // namespace
}  // namespace mica::cpu
