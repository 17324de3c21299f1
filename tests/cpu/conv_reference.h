#pragma once

// Convolutions over two axes of every instruction set against loops in double precision.

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/conv_problem.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"

namespace mica::test {

struct ConvCase {
  int samples, height, width, channels, filters, taps_high, taps_wide;
  ConvAxis high, wide;
  int groups = 1;
  Dtype dtype = float32;

  Shape x_shape() const { return {samples, height, width, channels}; }
  Shape w_shape() const { return {filters, taps_high, taps_wide, channels / groups}; }
  Shape out_shape() const {
    return {samples, length(height, taps_high, high), length(width, taps_wide, wide), filters};
  }

  static int length(int input, int taps, const ConvAxis& axis) {
    const int64_t tap_spread = (taps - 1) * axis.kernel_dilation + 1;
    const int64_t input_spread = (input - 1) * axis.input_dilation + 1;
    return static_cast<int>((input_spread + axis.padding_lo + axis.padding_hi - tap_spread) / axis.stride + 1);
  }
};

/// The input at which a tap of an output position looks; −1: none.
inline int64_t conv_place(int64_t output, int64_t tap, int64_t input, const ConvAxis& axis) {
  const int64_t spread = output * axis.stride + tap * axis.kernel_dilation - axis.padding_lo;
  return spread >= 0 && spread % axis.input_dilation == 0 && spread / axis.input_dilation < input
             ? spread / axis.input_dilation
             : -1;
}

/// One output: its value in double precision and the sum of its products' magnitudes.
struct ConvSum {
  double value = 0;
  double magnitude = 0;
};

inline ConvSum conv_sum(const ConvCase& c, const float* x, const float* w, int64_t at) {
  const Shape out = c.out_shape();
  const int64_t f = at % c.filters;
  const int64_t column = at / c.filters % out[2];
  const int64_t row = at / c.filters / out[2] % out[1];
  const int64_t sample = at / c.filters / out[2] / out[1];
  const int64_t depth = c.channels / c.groups;
  const int64_t first = f / (c.filters / c.groups) * depth;
  ConvSum sum;
  for (int64_t i = 0; i < c.taps_high; ++i) {
    for (int64_t j = 0; j < c.taps_wide; ++j) {
      const int64_t y = conv_place(row, i, c.height, c.high);
      const int64_t z = conv_place(column, j, c.width, c.wide);
      if (y < 0 || z < 0) continue;
      for (int64_t k = 0; k < depth; ++k) {
        const float input = x[((sample * c.height + y) * c.width + z) * c.channels + first + k];
        const float factor = w[((f * c.taps_high + i) * c.taps_wide + j) * depth + k];
        const double product = static_cast<double>(input) * static_cast<double>(factor);
        sum.value += product;
        sum.magnitude += std::fabs(product);
      }
    }
  }
  return sum;
}

inline array random_floats(const Shape& shape, Dtype dtype, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(element_count(shape));
  for (float& value : values) value = normal(random);
  array out = astype(array(values.begin(), shape), dtype);
  eval(out);
  return out;
}

/// Calls run(problem, x, w, out, pool, isa) for every instruction set there is and compares what it writes to `out`.
/// Inputs are exact, products are added in float32: the error is below terms · ε · Σ|x·w|; a half rounds once more.
template <typename Run>
void check_convolution(const ConvCase& c, Run run) {
  const array x = random_floats(c.x_shape(), c.dtype, 1);
  const array w = random_floats(c.w_shape(), c.dtype, 2);
  array x32 = astype(x, float32);
  array w32 = astype(w, float32);
  eval(x32, w32);
  const Convolution primitive(default_stream(default_device()), {c.high, c.wide}, c.groups, false);
  ThreadPool pool(2);
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512}) {
    if (isa > detected_isa()) continue;
    SCOPED_TRACE(testing::Message() << isa_name(isa) << " " << dtype_name(c.dtype) << " input "
                                    << to_string(c.x_shape()) << " weight " << to_string(c.w_shape()));
    const auto size = static_cast<ShapeElem>(element_count(c.out_shape()));
    array memory = full({size + 1}, -7.0f, c.dtype);
    array out = reshape(slice(memory, Shape{0}, Shape{size}), c.out_shape());
    eval(memory, out);
    ASSERT_EQ(out.data<std::byte>(), memory.data<std::byte>()) << "a view was expected";
    run(cpu::Problem(primitive, x, w, out), x, w, out, pool, isa);
    array results = astype(memory, float32);
    eval(results);
    EXPECT_EQ(results.data<float>()[size], -7.0f) << "written behind the end";
    const double rounding = c.dtype == bfloat16 ? 0x1p-8 : c.dtype == float16 ? 0x1p-11 : 0x1p-24;
    const int64_t terms = c.taps_high * c.taps_wide * c.channels / c.groups + 1;
    for (int64_t at = 0; at < size; ++at) {
      const ConvSum wanted = conv_sum(c, x32.data<float>(), w32.data<float>(), at);
      const double bound = static_cast<double>(terms) * wanted.magnitude * 0x1p-24 + rounding * std::fabs(wanted.value);
      ASSERT_NEAR(results.data<float>()[at], wanted.value, bound) << "at " << at;
    }
  }
}

}  // namespace mica::test
