#include "mica/cpu/kernels/depthwise.h"

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

void depthwise_point(const DepthwisePoint& point) {
  int64_t c = 0;
  for (; c + F32::kLanes <= point.channels; c += F32::kLanes) {
    F32 sum(0.0f);
    for (int64_t t = 0; t < point.taps; ++t) {
      sum = fma(F32::load(point.rows[t] + c), F32::load(point.weights[t] + c), sum);
    }
    sum.store(point.out + c);
  }
  const int64_t left = point.channels - c;
  if (left == 0) return;
  F32 sum(0.0f);
  for (int64_t t = 0; t < point.taps; ++t) {
    sum = fma(F32::load(point.rows[t] + c, left), F32::load(point.weights[t] + c, left), sum);
  }
  sum.store(point.out + c, left);
}

}  // namespace mica::cpu::MICA_ISA_NS
