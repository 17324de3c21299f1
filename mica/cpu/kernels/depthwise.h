#pragma once

#include <cstdint>

namespace mica::cpu {

/// out[c] = Σ over taps rows[tap][c] · weights[tap][c]
struct DepthwisePoint {
  const float* const* rows;
  const float* const* weights;
  int64_t taps;
  float* out;
  int64_t channels;
};

namespace reference {
void depthwise_point(const DepthwisePoint& point);
}
namespace avx2 {
void depthwise_point(const DepthwisePoint& point);
}
namespace avx512 {
void depthwise_point(const DepthwisePoint& point);
}

}  // namespace mica::cpu
