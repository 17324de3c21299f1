#pragma once

#include <cstdint>

namespace mica::cpu {

/// Output positions side by side that meet the same taps, of a convolution of groups of one channel:
/// out[i][c] = Σ over taps inputs[tap][i · step + c] · weights[tap][c]
template <typename Sum>
struct DepthwiseRun {
  const Sum* const* inputs;  ///< of position 0, for every tap
  const Sum* const* weights;
  int64_t taps;
  int64_t step;  ///< of the inputs, from position to position
  Sum* out;      ///< [positions, channels]
  int64_t positions;
  int64_t channels;
};

namespace reference {
void depthwise_run(const DepthwiseRun<float>& run);
}
namespace avx2 {
void depthwise_run(const DepthwiseRun<float>& run);
}
namespace avx512 {
void depthwise_run(const DepthwiseRun<float>& run);
}

}  // namespace mica::cpu
