#include "mica/cpu/kernels/depthwise.h"

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

/// Positions whose sums are in registers together: a tap's weights are loaded once for them.
constexpr int kPositions = F32::kLanes == 4 ? 4 : 8;

/// The channels from c on, F32::kLanes of them or the `left` last ones, of kCount positions.
template <int kCount, bool kWhole>
void add_taps(const DepthwiseRun<float>& run, int64_t first, int64_t c, int64_t left) {
  const auto load = [left](const float* p) { return kWhole ? F32::load(p) : F32::load(p, left); };
  F32 sums[kCount];
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) sums[i] = F32(0.0f);
  for (int64_t t = 0; t < run.taps; ++t) {
    const F32 weight = load(run.weights[t] + c);
    const float* x = run.inputs[t] + first * run.step + c;
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) sums[i] = fma(load(x + i * run.step), weight, sums[i]);
  }
  float* out = run.out + first * run.channels + c;
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) {
    if (kWhole) {
      sums[i].store(out + i * run.channels);
    } else {
      sums[i].store(out + i * run.channels, left);
    }
  }
}

/// `count` ≤ kCount positions.
template <int kCount>
void add_positions(const DepthwiseRun<float>& run, int64_t first, int64_t count) {
  if constexpr (kCount > 1) {
    if (count < kCount) return add_positions<kCount - 1>(run, first, count);
  }
  int64_t c = 0;
  for (; c + F32::kLanes <= run.channels; c += F32::kLanes) add_taps<kCount, true>(run, first, c, 0);
  if (c < run.channels) add_taps<kCount, false>(run, first, c, run.channels - c);
}

}  // namespace

void depthwise_run(const DepthwiseRun<float>& run) {
  const int64_t tiles = (run.positions + kPositions - 1) / kPositions;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t first = run.positions * i / tiles;
    add_positions<kPositions>(run, first, run.positions * (i + 1) / tiles - first);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
