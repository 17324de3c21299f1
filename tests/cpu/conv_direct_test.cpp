// Convolutions by tiles of every instruction set against loops in double precision.
#include "mica/cpu/conv_direct.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "mica/ops/create.h"

namespace mica::cpu {
namespace {

struct Case {
  int samples, height, width, channels, filters, taps_high, taps_wide;
  ConvAxis high, wide;
};

int output_length(int input, int taps, const ConvAxis& axis) {
  const int64_t spread = (taps - 1) * axis.kernel_dilation + 1;
  return static_cast<int>((input + axis.padding_lo + axis.padding_hi - spread) / axis.stride + 1);
}

std::vector<float> random_floats(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

/// Inputs are exact, products are added in float32: the error is below terms · ε · Σ|x·w|.
void check(const Case& c) {
  const int rows = output_length(c.height, c.taps_high, c.high);
  const int columns = output_length(c.width, c.taps_wide, c.wide);
  const Shape x_shape = {c.samples, c.height, c.width, c.channels};
  const Shape w_shape = {c.filters, c.taps_high, c.taps_wide, c.channels};
  const Shape out_shape = {c.samples, rows, columns, c.filters};
  const auto size = [](const Shape& s) { return static_cast<size_t>(s[0] * s[1] * s[2] * s[3]); };
  const std::vector<float> x = random_floats(size(x_shape), 1);
  const std::vector<float> w = random_floats(size(w_shape), 2);
  const Convolution primitive(default_stream(default_device()), {c.high, c.wide}, 1, false);
  const Problem problem(primitive, zeros(x_shape), zeros(w_shape), zeros(out_shape));
  ThreadPool pool(2);
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512}) {
    if (isa > detected_isa()) continue;
    SCOPED_TRACE(testing::Message() << isa_name(isa) << " width " << c.width << " taps " << c.taps_high << "x"
                                    << c.taps_wide << " filters " << c.filters);
    std::vector<float> out(size(out_shape) + 1, -7.0f);
    convolve_directly(problem, c.wide, x.data(), w.data(), out.data(), pool, isa);
    EXPECT_EQ(out.back(), -7.0f) << "written behind the end";
    for (size_t at = 0; at + 1 < out.size(); ++at) {
      const auto place = static_cast<int64_t>(at);
      const int64_t f = place % c.filters;
      const int64_t column = place / c.filters % columns;
      const int64_t row = place / c.filters / columns % rows;
      const int64_t sample = place / c.filters / columns / rows;
      double wanted = 0, magnitude = 0;
      for (int64_t i = 0; i < c.taps_high; ++i) {
        for (int64_t j = 0; j < c.taps_wide; ++j) {
          const int64_t y = row * c.high.stride + i * c.high.kernel_dilation - c.high.padding_lo;
          const int64_t z = column * c.wide.stride + j - c.wide.padding_lo;
          if (y < 0 || y >= c.height || z < 0 || z >= c.width) continue;
          for (int64_t k = 0; k < c.channels; ++k) {
            const auto input = static_cast<size_t>(((sample * c.height + y) * c.width + z) * c.channels + k);
            const auto factor = static_cast<size_t>(((f * c.taps_high + i) * c.taps_wide + j) * c.channels + k);
            const double product = static_cast<double>(x[input]) * static_cast<double>(w[factor]);
            wanted += product;
            magnitude += std::fabs(product);
          }
        }
      }
      const double bound = (c.taps_high * c.taps_wide * c.channels + 1) * magnitude * 0x1p-24;
      ASSERT_NEAR(out[at], wanted, bound) << "at " << at;
    }
  }
}

TEST(DirectConvolution, OddSizesStridesPaddingAndDilation) {
  check({1, 5, 15, 3, 33, 3, 3, {1, 1, 1}, {1, 1, 1}});
  check({2, 9, 23, 5, 17, 7, 7, {2, 3, 3}, {2, 3, 3}});
  check({1, 6, 29, 1, 65, 3, 2, {1, 0, 0, 2}, {3, 0, 0}});
  check({3, 1, 9, 7, 16, 1, 4, {1}, {1, 0, 3}});
  check({1, 4, 7, 2, 32, 3, 5, {1, 2, 2}, {1, 9, 6}});  // more padding than taps reach
  check({1, 11, 8, 130, 40, 2, 3, {1, 0, 1}, {1, 2, 0}});
}

}  // namespace
}  // namespace mica::cpu
