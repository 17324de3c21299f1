#include "mica/cpu/conv_depthwise.h"

#include "tests/cpu/conv_reference.h"

namespace mica::cpu {
namespace {

/// A filter for every channel or `multiplier` ones.
struct Sizes {
  int samples, height, width, channels, taps_high, taps_wide;
  int multiplier = 1;
};

void check(const Sizes& s, const ConvAxis& high, const ConvAxis& wide, Dtype dtype = float32) {
  const test::ConvCase c = {s.samples,   s.height,    s.width, s.channels, s.channels * s.multiplier,
                            s.taps_high, s.taps_wide, high,    wide,       s.channels,
                            dtype};
  test::check_convolution(c, convolve_depthwise);
}

TEST(DepthwiseConvolution, OddSizesAndTails) {
  for (const int channels : {1, 3, 16, 17, 37, 64}) {
    for (const int width : {1, 2, 7, 9, 19}) check({2, 5, width, channels, 3, 3}, {1, 1, 1}, {1, 1, 1});
  }
  check({1, 1, 150, 5, 1, 4}, {1}, {1, 3, 0});  // causal, one row cut between threads
  check({1, 9, 11, 8, 7, 5}, {1, 3, 3}, {1, 2, 2});
}

TEST(DepthwiseConvolution, StridePaddingAndDilation) {
  check({2, 9, 23, 5, 3, 3}, {2, 1, 1}, {3, 2, 1});
  check({1, 6, 29, 18, 3, 2}, {1, 0, 0, 2}, {2, 1, 3, 4});
  check({1, 4, 7, 33, 3, 5}, {1, 2, 2}, {1, 9, 6});   // more padding than taps reach
  check({1, 4, 7, 9, 3, 5}, {1, -1, 1}, {1, -2, 1});  // elements cut off
  check({1, 5, 6, 20, 3, 3}, {1, 2, 2, 1, 2}, {1, 1, 1, 1, 3});
  check({1, 5, 13, 20, 3, 3}, {2, 2, 2, 1, 3}, {2, 1, 4, 1, 2});  // steps of the output that the input's divide
}

TEST(DepthwiseConvolution, SeveralFiltersAChannelAndOtherTypes) {
  check({2, 5, 19, 7, 3, 3, 3}, {1, 1, 1}, {1, 1, 1});
  for (const Dtype dtype : {float16, bfloat16, float64}) {
    check({2, 5, 19, 37, 3, 3}, {1, 1, 1}, {1, 1, 1}, dtype);
    check({1, 3, 9, 5, 2, 3, 2}, {2, 1, 0}, {1, 2, 2}, dtype);
  }
  check({1, 2, 9, 5000, 1, 3}, {1}, {1, 1, 1}, bfloat16);  // one position at a time
}

}  // namespace
}  // namespace mica::cpu
