// Rounds a row of activations to int8 in the layout of a tile.

#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

/// Values that share a scale.
constexpr int kGroup = 32;

/// Finer steps of a second digit in one of the first: it leaves at most half a step.
constexpr float kDigit = 254.0f;

/// One group of values, rounded.
struct Group {
  alignas(64) float rounded[kGroup];
  alignas(64) int8_t values[kGroup];
};

/// Rounds x / scale.
void round_group(const float* x, float scale, Group& group) {
  // An all-zero group, and one too small for the quotient to be finite, is zero.
  const F32 inverse(scale >= 0x1p-120f ? 1.0f / scale : 0.0f);
  for (int i = 0; i < kGroup; i += F32::kLanes) {
    const F32 value = min(F32(127.0f), max(F32(-127.0f), round(F32::load(x + i) * inverse)));
    value.store(group.rounded + i);
    to_i32(value).store_low_bytes(group.values + i);
  }
}

/// The common scale of a group.
float group_scale(const float* x) {
  F32 most(0.0f);
  for (int i = 0; i < kGroup; i += F32::kLanes) most = max(abs(F32::load(x + i)), most);
  return reduce_max(most) / 127.0f;
}

float sum(const float* values, int count) {
  F32 total(0.0f);
  for (int i = 0; i < count; i += F32::kLanes) total = total + F32::load(values + i);
  return reduce_add(total);
}

/// Writes a group, values from `column` on, to a row of the tile.
void write_group(const RowQuantization& row, int64_t column, const Group& group, float scale, int digit) {
  int64_t step = column / row.step;
  int8_t* values = row.values + 4 * digit;
  for (int i = 0; i < kGroup; i += 4) {
    __builtin_memcpy(values + (column + i) / 4 * row.value_stride, group.values + i, 4);
  }
  for (int i = 0; i < kGroup; i += row.step, ++step) {
    row.scales[step * row.step_stride + digit] = scale;
    row.sums[step * row.step_stride + digit] = scale * sum(group.rounded + i, row.step);
  }
}

}  // namespace

void quantize_activations(const RowQuantization& row) {
  Group group;
  for (int64_t column = 0; column < row.padded; column += kGroup) {
    alignas(64) float buffer[kGroup];
    const float* x = row.x + column;
    if (column + kGroup > row.cols) {
      for (int i = 0; i < kGroup; ++i) buffer[i] = column + i < row.cols ? x[i] : 0.0f;
      x = buffer;
    }
    const float scale = group_scale(x);
    round_group(x, scale, group);
    write_group(row, column, group, scale, 0);
    if (row.digits == 1) continue;
    for (int i = 0; i < kGroup; i += F32::kLanes) {
      fma(F32::load(group.rounded + i), F32(-scale), F32::load(x + i)).store(buffer + i);
    }
    round_group(buffer, scale / kDigit, group);
    write_group(row, column, group, scale / kDigit, 1);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
