#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "mica/base/half.h"
#include "mica/cpu/quantize.h"
#include "tests/cpu/format_fixture.h"

namespace mica::cpu {

/// Weights of a shape in a format: random bytes with sane scales, so that any format can be made without a quantizer.
struct RandomWeights {
  RandomWeights(const QuantFormat& format, int64_t rows, int64_t cols, uint32_t seed = 1) {
    std::mt19937 random(seed);
    codes.resize(static_cast<size_t>(rows * format.row_bytes(cols)));
    for (uint8_t& byte : codes) byte = static_cast<uint8_t>(random());
    const size_t count = static_cast<size_t>(rows * format.scales_per_row(cols));
    fill_scales(format.scale_type, count, scales, random);
    if (format.has_biases) fill_scales(format.scale_type, count, biases, random);
    if (format.is_ggml_block()) tame_block_scales(format);
    if (format.is_dense()) fill_dense(format.kind, static_cast<size_t>(rows * cols), random);
    if (format.kind == QuantKind::mxfp8) {
      // No NaN codes.
      for (uint8_t& byte : codes) byte = (byte & 0x7f) == 0x7f ? 0 : byte;
    }
    matrix = {format, rows, cols, codes.data(), scales.data(), biases.data()};
  }

  /// Between −width / 2 and width / 2: the same number on every machine, as those of the standard's distributions need
  /// not be.
  static float centred(std::mt19937& random, float width) {
    return width * (static_cast<float>(random() >> 8) * 0x1p-24f - 0.5f);
  }

  void fill_dense(QuantKind kind, size_t count, std::mt19937& random) {
    for (size_t i = 0; i < count; ++i) {
      const float value = centred(random, 0.35f);
      const uint16_t half = kind == QuantKind::f16 ? float_to_half(value) : float_to_bfloat(value);
      if (kind == QuantKind::f32) {
        std::memcpy(codes.data() + 4 * i, &value, 4);
      } else {
        std::memcpy(codes.data() + 2 * i, &half, 2);
      }
    }
  }

  static void fill_scales(ScaleType type, size_t count, std::vector<uint8_t>& out, std::mt19937& random) {
    out.resize(count * static_cast<size_t>(scale_bytes(type)));
    for (size_t i = 0; i < count; ++i) {
      const float value = centred(random, 0.07f);
      const uint16_t half = type == ScaleType::f16 ? float_to_half(value) : float_to_bfloat(value);
      if (type == ScaleType::f32) std::memcpy(out.data() + 4 * i, &value, 4);
      if (type == ScaleType::f16 || type == ScaleType::bf16) std::memcpy(out.data() + 2 * i, &half, 2);
      if (type == ScaleType::e8m0) out[i] = static_cast<uint8_t>(115 + random() % 8);
      if (type == ScaleType::e4m3) out[i] = static_cast<uint8_t>(random() % 0x50);
    }
  }

  /// Makes the f16 scales inside blocks small numbers: the exponent bits of every byte that may hold one are cleared,
  /// at the price of less random codes.
  void tame_block_scales(const QuantFormat& format) {
    const auto bytes = static_cast<size_t>(format.block_bytes);
    const auto set = [&](size_t at) {
      for (size_t block = 0; block < codes.size(); block += bytes) {
        const uint16_t half = float_to_half(0.01f + 0.0001f * static_cast<float>(codes[block + at]));
        std::memcpy(codes.data() + block + at, &half, 2);
      }
    };
    switch (format.kind) {
      case QuantKind::q2_k:
        set(80);
        set(82);
        break;
      case QuantKind::q3_k:
        set(108);
        break;
      case QuantKind::q6_k:
        set(208);
        break;
      case QuantKind::q4_1:
      case QuantKind::q5_1:
      case QuantKind::q4_k:
      case QuantKind::q5_k:
        set(0);
        set(2);
        break;
      case QuantKind::ggml_mxfp4:
        for (size_t block = 0; block < codes.size(); block += bytes) codes[block] = 118 + codes[block] % 4;
        break;
      default:
        set(0);
    }
  }

  std::vector<uint8_t> codes, scales, biases;
  QuantizedMatrix matrix;
};

inline std::vector<QuantFormat> all_formats() {
  std::vector<QuantFormat> formats = {dense_format(QuantKind::f32)};
  for (const auto& [name, format] : fixture_formats()) formats.push_back(format);
  return formats;
}

inline std::vector<float> random_floats(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> values;
  std::vector<float> out(static_cast<size_t>(count));
  for (float& value : out) value = values(random);
  return out;
}

/// The smallest odd-looking number of columns that the format allows.
inline int64_t test_cols(const QuantFormat& format) {
  return format.is_dense() ? 37 : format.block_size * (format.block_size < 256 ? 5 : 2);
}

inline std::vector<float> dequantized(const QuantizedMatrix& matrix) {
  std::vector<float> out(static_cast<size_t>(matrix.rows * matrix.cols));
  for (int64_t row = 0; row < matrix.rows; ++row) dequantize_row(matrix, row, out.data() + row * matrix.cols);
  return out;
}

struct Expected {
  std::vector<double> product;    // Σ w · x
  std::vector<double> magnitude;  // Σ |w · x|
};

inline Expected multiply(const std::vector<float>& weights, int64_t n, int64_t k, const std::vector<float>& x,
                         int64_t m) {
  Expected out{std::vector<double>(static_cast<size_t>(m * n)), std::vector<double>(static_cast<size_t>(m * n))};
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t c = 0; c < k; ++c) {
        const double term = static_cast<double>(weights[static_cast<size_t>(j * k + c)]) *
                            static_cast<double>(x[static_cast<size_t>(i * k + c)]);
        out.product[static_cast<size_t>(i * n + j)] += term;
        out.magnitude[static_cast<size_t>(i * n + j)] += std::fabs(term);
      }
    }
  }
  return out;
}

/// Rows whose values are alike, but for a few outliers: some in columns that are the same for every row, some not.
inline std::vector<float> with_outliers(int64_t rows, int64_t cols) {
  std::vector<float> out = random_floats(rows * cols, 7);
  for (int64_t row = 0; row < rows; ++row) {
    out[static_cast<size_t>(row * cols + 5)] *= 30.0f;
    if (row % 3 != 0) out[static_cast<size_t>(row * cols + (row * 37 + 50) % cols)] = 25.0f;
  }
  return out;
}

}  // namespace mica::cpu
