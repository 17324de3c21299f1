// Rounds a row of activations to int8 in the layout of a tile.

#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kLongestGroup = 64;

/// Quantizes one group of `size` values (32 or 64) with a common scale; returns the scale.
float quantize_group(const float* x, int size, int8_t* out, float* rounded) {
  F32 most(0.0f);
  for (int i = 0; i < size; i += F32::kLanes) most = max(abs(F32::load(x + i)), most);
  const float largest = reduce_max(most);
  const float scale = largest / 127.0f;
  // An all-zero group, and one too small for the quotient to be finite, is zero.
  const F32 inverse(scale >= 0x1p-120f ? 1.0f / scale : 0.0f);
  for (int i = 0; i < size; i += F32::kLanes) {
    const F32 value = min(F32(127.0f), max(F32(-127.0f), round(F32::load(x + i) * inverse)));
    value.store(rounded + i);
    to_i32(value).store_low_bytes(out + i);
  }
  return scale;
}

float sum(const float* values, int count) {
  F32 total(0.0f);
  for (int i = 0; i < count; i += F32::kLanes) total = total + F32::load(values + i);
  return reduce_add(total);
}

}  // namespace

void quantize_activations(const RowQuantization& row) {
  const int group = row.step < 32 ? 32 : row.step;
  int64_t step = 0;
  for (int64_t column = 0; column < row.padded; column += group) {
    alignas(64) float padded[kLongestGroup];
    alignas(64) float rounded[kLongestGroup];
    alignas(64) int8_t values[kLongestGroup];
    const float* x = row.x + column;
    if (column + group > row.cols) {
      for (int i = 0; i < group; ++i) padded[i] = column + i < row.cols ? x[i] : 0.0f;
      x = padded;
    }
    const float scale = quantize_group(x, group, values, rounded);
    for (int i = 0; i < group; i += 4) {
      __builtin_memcpy(row.values + (column + i) / 4 * row.value_stride, values + i, 4);
    }
    for (int i = 0; i < group; i += row.step, ++step) {
      row.scales[step * row.step_stride] = scale;
      row.sums[step * row.step_stride] = scale * sum(rounded + i, row.step);
    }
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
