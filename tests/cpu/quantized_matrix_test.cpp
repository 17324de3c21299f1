#include "mica/cpu/quantized_matrix.h"

#include <bit>
#include <cmath>
#include <stdexcept>

#include <gtest/gtest.h>

#include "mica/base/error.h"
#include "tests/cpu/format_fixture.h"

namespace mica::cpu {
namespace {

TEST(QuantizedMatrix, EveryFormatDequantizesBitForBit) {
  const auto formats = fixture_formats();
  EXPECT_EQ(formats.size(), 5u + 13u + 20u);
  for (const auto& [name, format] : formats) {
    SCOPED_TRACE(name);
    const FormatFixture fixture = read_format_fixture(name);
    ASSERT_EQ(fixture.values.size(), static_cast<size_t>(fixture.rows * fixture.cols));
    EXPECT_EQ(format.row_bytes(fixture.cols) * fixture.rows, static_cast<int64_t>(fixture.codes.size()));
    std::vector<float> out(static_cast<size_t>(fixture.cols));
    for (int64_t row = 0; row < fixture.rows; ++row) {
      dequantize_row(fixture.matrix(format), row, out.data());
      for (int64_t col = 0; col < fixture.cols; ++col) {
        const float expected = fixture.values[static_cast<size_t>(row * fixture.cols + col)];
        // −0 and 0 are one value here: references differ in the sign of a zero.
        ASSERT_TRUE(out[static_cast<size_t>(col)] == expected || std::isnan(expected))
            << row << " " << col << ": " << out[static_cast<size_t>(col)] << " for " << expected;
      }
    }
  }
}

TEST(QuantizedMatrix, DenseRowsAndRowLists) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const QuantizedMatrix matrix{dense_format(QuantKind::f32), 3, 2, values.data()};
  std::vector<float> out(4);
  const int64_t rows[] = {2, 0};
  dequantize_rows(matrix, rows, out.data());
  EXPECT_EQ(out, (std::vector<float>{5, 6, 1, 2}));
  EXPECT_THROW(dequantize_row(matrix, 3, out.data()), std::out_of_range);
  EXPECT_THROW(dequantize_row(matrix, -1, out.data()), std::out_of_range);
}

TEST(QuantizedMatrix, TheFactorMultipliesValues) {
  const FormatFixture fixture = read_format_fixture("nvfp4");
  QuantizedMatrix matrix = fixture.matrix(nvfp4_format());
  matrix.factor = 0.25f;
  std::vector<float> out(static_cast<size_t>(fixture.cols));
  dequantize_row(matrix, 0, out.data());
  for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], fixture.values[i] * 0.25f);
}

TEST(QuantFormat, SizesAndNames) {
  EXPECT_EQ(affine_format(4, 64, ScaleType::bf16).bits_per_weight(), 4.5);
  EXPECT_EQ(ggml_format(QuantKind::q4_0).bits_per_weight(), 4.5);
  EXPECT_EQ(ggml_format(QuantKind::q6_k).bits_per_weight(), 6.5625);
  EXPECT_EQ(nvfp4_format().bits_per_weight(), 4.5);
  EXPECT_EQ(affine_format(3, 32, ScaleType::f16).row_bytes(96), 36);
  EXPECT_EQ(affine_format(3, 32, ScaleType::f16).name(), "affine 3-bit g32 f16");
  EXPECT_EQ(format_of_ggml_type(12), ggml_format(QuantKind::q4_k));
  EXPECT_FALSE(format_of_ggml_type(4).has_value());
  EXPECT_THROW(ggml_format(QuantKind::q4_k).row_bytes(128), Error);
  EXPECT_THROW(ggml_format(QuantKind::q4_0).row_bytes(-32), Error);
  EXPECT_THROW(affine_format(7, 64, ScaleType::f16), Error);
  EXPECT_THROW(affine_format(4, 16, ScaleType::f16), Error);
  EXPECT_THROW(affine_format(4, 64, ScaleType::e8m0), Error);
  EXPECT_THROW(dense_format(QuantKind::q4_0), Error);
}

}  // namespace
}  // namespace mica::cpu
