// Rounds a row of activations to int8 in the layout of a tile.

#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

/// Values that share a scale.
constexpr int kGroup = 32;
constexpr int kVectors = kGroup / F32::kLanes;

/// Finer steps of a second digit in one of the first: it leaves at most half a step.
constexpr float kDigit = 254.0f;

/// One group of values.
struct Group {
  F32 x[kVectors];

  static Group load(const float* x) {
    Group out;
    for (int i = 0; i < kVectors; ++i) out.x[i] = F32::load(x + i * F32::kLanes);
    return out;
  }

  /// Its scale: the largest value becomes 127.
  float scale() const {
    F32 most = abs(x[0]);
    for (int i = 1; i < kVectors; ++i) most = max(abs(x[i]), most);
    return reduce_max(most) / 127.0f;
  }

  /// x / scale, rounded.
  Group rounded(float scale) const {
    // An all-zero group, and one too small for the quotient to be finite, is zero.
    const F32 inverse(scale >= 0x1p-120f ? 1.0f / scale : 0.0f);
    Group out;
    for (int i = 0; i < kVectors; ++i) out.x[i] = min(F32(127.0f), max(F32(-127.0f), round(x[i] * inverse)));
    return out;
  }

  /// What is left of x without scale · rounded.
  Group rest(const Group& rounded, float scale) const {
    Group out;
    for (int i = 0; i < kVectors; ++i) out.x[i] = fma(rounded.x[i], F32(-scale), x[i]);
    return out;
  }
};

/// Writes a group, values from `column` on, to a row of the tile.
void write_group(const RowQuantization& row, int64_t column, const Group& rounded, float scale, int digit) {
  alignas(64) int8_t bytes[kGroup];
  for (int i = 0; i < kVectors; ++i) to_i32(rounded.x[i]).store_low_bytes(bytes + i * F32::kLanes);
  int8_t* values = row.values + 4 * digit + column / 4 * row.value_stride;
  for (int i = 0; i < kGroup; i += 4, values += row.value_stride) __builtin_memcpy(values, bytes + i, 4);

  const int64_t first_step = column / row.step;
  const int steps = kGroup / row.step;
  const int vectors = kVectors / steps;
  for (int step = 0; step < steps; ++step) {
    F32 total = rounded.x[step * vectors];
    for (int i = 1; i < vectors; ++i) total = total + rounded.x[step * vectors + i];
    const int64_t at = (first_step + step) * row.step_stride + digit;
    row.scales[at] = scale;
    row.sums[at] = scale * reduce_add(total);
  }
}

}  // namespace

void quantize_activations(const RowQuantization& row) {
  for (int64_t column = 0; column < row.padded; column += kGroup) {
    alignas(64) float buffer[kGroup];
    const float* x = row.x + column;
    if (column + kGroup > row.cols) {
      for (int i = 0; i < kGroup; ++i) buffer[i] = column + i < row.cols ? x[i] : 0.0f;
      x = buffer;
    }
    const Group group = Group::load(x);
    const float scale = group.scale();
    const Group rounded = group.rounded(scale);
    write_group(row, column, rounded, scale, 0);
    if (row.digits == 1) continue;
    const float finer = scale / kDigit;
    write_group(row, column, group.rest(rounded, scale).rounded(finer), finer, 1);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
