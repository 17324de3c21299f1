#include "mica/cpu/quantize.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "mica/cpu/small_float.h"
#include "tests/cpu/format_fixture.h"

namespace mica::cpu {
namespace {

struct Quantized {
  std::vector<char> codes, scales, biases;
};

Quantized quantize(const QuantFormat& format, const std::vector<float>& values, int64_t rows, float global_scale = 0) {
  const int64_t cols = static_cast<int64_t>(values.size()) / rows;
  const int64_t code_bytes = format.row_bytes(cols);
  const int64_t scale_row = format.scales_per_row(cols) * scale_bytes(format.scale_type);
  Quantized out{std::vector<char>(static_cast<size_t>(rows * code_bytes)),
                std::vector<char>(static_cast<size_t>(rows * scale_row)),
                {}};
  if (format.has_biases) out.biases.resize(out.scales.size());
  for (int64_t row = 0; row < rows; ++row) {
    quantize_row(format, values.data() + row * cols, cols,
                 {out.codes.data() + row * code_bytes, out.scales.data() + row * scale_row,
                  format.has_biases ? out.biases.data() + row * scale_row : nullptr},
                 global_scale);
  }
  return out;
}

// Random weights meet neither a tie nor a group of one sign, where MLX's backends differ from each other.
TEST(Quantize, AffineBitsAreThoseOfMlx) {
  for (const auto& [bits, group] : {std::pair(1, 64), {2, 32}, {3, 64}, {4, 64}, {5, 128}, {6, 32}, {8, 64}}) {
    const std::string name = "quantize_affine_" + std::to_string(bits) + "_" + std::to_string(group);
    SCOPED_TRACE(name);
    const FormatFixture expected = read_format_fixture(name);
    const Quantized out = quantize(affine_format(bits, group, ScaleType::f32), expected.values, expected.rows);
    EXPECT_EQ(out.codes, expected.codes);
    EXPECT_EQ(out.scales, expected.scales);
    EXPECT_EQ(out.biases, expected.biases);
  }
}

TEST(Quantize, MicroscaledBitsAreThoseOfMlx) {
  for (const QuantFormat& format : {mxfp4_format(), mxfp8_format(), nvfp4_format()}) {
    SCOPED_TRACE(format.name());
    const FormatFixture expected = read_format_fixture("quantize_" + format.name());
    const Quantized out = quantize(format, expected.values, expected.rows);
    EXPECT_EQ(out.scales, expected.scales);
    std::vector<float> got(static_cast<size_t>(expected.cols)), wanted(got.size());
    for (int64_t row = 0; row < expected.rows; ++row) {
      // By value: MLX's CPU code gives +0 where Metal and we keep the sign of a value that rounds to 0.
      dequantize_row({format, expected.rows, expected.cols, out.codes.data(), out.scales.data()}, row, got.data());
      dequantize_row(expected.matrix(format), row, wanted.data());
      EXPECT_EQ(got, wanted);
    }
  }
}

// What Metal's kernel does where the backends differ (the rounding is to nearest, half away from zero, and the maximum
// starts from 0).
TEST(Quantize, AffineCornersFollowMetal) {
  const QuantFormat format = affine_format(2, 32, ScaleType::f32);
  std::vector<float> values(32, -3.0f);  // all negative: the range is −3 … 0, the edge −3
  values[1] = -1.5f;                     // (−1.5 + 3) / 1 = 1.5, away from zero: 2
  const Quantized out = quantize(format, values, 1);
  float scale = 0, bias = 0;
  std::memcpy(&scale, out.scales.data(), 4);
  std::memcpy(&bias, out.biases.data(), 4);
  EXPECT_EQ(scale, 1.0f);
  EXPECT_EQ(bias, -3.0f);
  EXPECT_EQ(out.codes[0], 2 << 2);

  const Quantized zero = quantize(format, std::vector<float>(32, 0.0f), 1);
  std::memcpy(&scale, zero.scales.data(), 4);
  std::memcpy(&bias, zero.biases.data(), 4);
  EXPECT_EQ(scale, -1e-7f);
  EXPECT_EQ(bias, 0.0f);
  EXPECT_EQ(zero.codes, std::vector<char>(8, 0));
}

TEST(Quantize, GlobalScaleOfNvfp4) {
  std::vector<float> values(16, 0.0f);
  values[0] = 6.0f;
  values[1] = -2.0f;
  // With G = 6 the scale is encoded relative to 448: amax / 6 · 448 = 448, the largest e4m3 number.
  const Quantized out = quantize(nvfp4_format(), values, 1, 6.0f);
  EXPECT_EQ(static_cast<uint8_t>(out.scales[0]), 0x7e);
  float back[16];
  dequantize_row({nvfp4_format(), 1, 16, out.codes.data(), out.scales.data(), nullptr, 6.0f / (448.0f * 6.0f)}, 0,
                 back);
  EXPECT_FLOAT_EQ(back[0], 6.0f);
  EXPECT_FLOAT_EQ(back[1], -2.0f);
}

TEST(Quantize, HostileValuesStayInRange) {
  for (const QuantFormat& format : {affine_format(4, 32, ScaleType::f16), mxfp4_format(), mxfp8_format()}) {
    std::vector<float> values(32, NAN);
    values[3] = INFINITY;
    values[7] = -INFINITY;
    values[9] = 1e38f;
    EXPECT_NO_THROW(quantize(format, values, 1)) << format.name();
  }
  EXPECT_THROW(quantize(ggml_format(QuantKind::q4_0), std::vector<float>(32), 1), Error);
}

TEST(SmallFloat, EveryE4m3SurvivesTheRoundTrip) {
  for (int bits = 0; bits < 256; ++bits) {
    const auto code = static_cast<uint8_t>(bits);
    if ((bits & 0x7f) == 0x7f) continue;
    EXPECT_EQ(float_to_e4m3(e4m3_to_float(code)), code);
  }
  EXPECT_EQ(e4m3_to_float(0x7e), 448.0f);
  EXPECT_EQ(e4m3_to_float(0x01), 0x1p-9f);
  EXPECT_EQ(float_to_e4m3(1e9f), 0x7e);
  EXPECT_EQ(float_to_e4m3(-1e9f), 0xfe);
  EXPECT_EQ(float_to_e4m3(NAN), 0x7e);
  EXPECT_EQ(float_to_e4m3(17.0f), 0x58);  // half-way between 16 and 18: even
  EXPECT_EQ(float_to_e4m3(19.0f), 0x5a);  // half-way between 18 and 20: even
}

}  // namespace
}  // namespace mica::cpu
