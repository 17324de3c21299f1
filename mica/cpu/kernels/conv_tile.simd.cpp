// Innermost kernel of convolutions: a tile of outputs in registers, inputs read where they are.

#include "mica/cpu/kernels/conv_tile.h"

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kVectors = 2;
constexpr int kWidth = kVectors * F32::kLanes;
/// As many positions as leave registers for a row of weights. Lengths of ResNet's rows are multiples of 14.
constexpr int kPositions = F32::kLanes == 16 ? 14 : F32::kLanes == 8 ? 6 : 4;

template <int kCount>
void multiply(const ConvTile& tile) {
  F32 sums[kCount][kVectors];
#pragma GCC unroll 14
  for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) sums[i][j] = F32(0.0f);
  }
  for (int64_t row = 0; row < tile.tap_rows; ++row) {
    const float* x = tile.taps[row];
    const float* w = tile.weights[row];
    for (int64_t k = 0; k < tile.length; ++k) {
      F32 weights[kVectors];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) weights[j] = F32::load(w + j * F32::kLanes);
#pragma GCC unroll 14
      for (int i = 0; i < kCount; ++i) {
        const F32 element(x[i * tile.step + k]);
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; ++j) sums[i][j] = fma(element, weights[j], sums[i][j]);
      }
      w += kWidth;
    }
  }
#pragma GCC unroll 14
  for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      const int64_t left = tile.filters - j * F32::kLanes;
      float* out = tile.out + i * tile.ldc + j * F32::kLanes;
      if (left >= F32::kLanes) {
        sums[i][j].store(out);
      } else if (left > 0) {
        sums[i][j].store(out, left);
      }
    }
  }
}

template <int kCount>
void choose(const ConvTile& tile) {
  if (tile.positions == kCount) return multiply<kCount>(tile);
  if constexpr (kCount > 1) choose<kCount - 1>(tile);
}

}  // namespace

int64_t conv_tile_positions() {
  return kPositions;
}

void conv_tile(const ConvTile& tile) {
  choose<kPositions>(tile);
}

}  // namespace mica::cpu::MICA_ISA_NS
