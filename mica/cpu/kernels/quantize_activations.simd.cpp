// Rounds a tile of activation rows to int8.

#include <cmath>

#include "mica/cpu/kernels/load_columns.h"
#include "mica/cpu/kernels/products.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kGroup = kActivationGroup;
constexpr int kVectors = kGroup / F32::kLanes;

/// One group of values.
struct Group {
  F32 x[kVectors];

  /// Of a row of `cols` values those from `column` on, zeros behind the last.
  static Group load(const float* x, int64_t column, int64_t cols) {
    Group out;
    for (int i = 0; i < kVectors; ++i) out.x[i] = load_columns(x, column + i * F32::kLanes, cols);
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

  void store_bytes(int8_t* out) const {
    for (int i = 0; i < kVectors; ++i) to_i32(x[i]).store_low_bytes(out + i * F32::kLanes);
  }

  /// Sum of the values [first, first + count).
  float sum(int first, int count) const {
    F32 total = x[first / F32::kLanes];
    for (int i = first / F32::kLanes + 1; i < (first + count) / F32::kLanes; ++i) total = total + x[i];
    return reduce_add(total);
  }
};

/// The scale above which a group of the row gets a second digit.
float finest_scale(const float* x, int64_t cols) {
  F32 squares(0.0f);
  for (int64_t column = 0; column < cols; column += F32::kLanes) {
    const F32 value = load_columns(x, column, cols);
    squares = fma(value, value, squares);
  }
  return kOutlier / 127.0f * std::sqrt(reduce_add(squares) / static_cast<float>(cols));
}

/// Writes the group from `column` on of row `row` of the tile.
void write_group(const TileQuantization& tile, int row, int64_t column, const Group& rounded, float scale) {
  alignas(64) int8_t bytes[kGroup];
  rounded.store_bytes(bytes);
  int8_t* values = tile.values + column * tile.rows + 4 * row;
  for (int i = 0; i < kGroup; i += 4, values += 4 * tile.rows) __builtin_memcpy(values, bytes + i, 4);
  for (int first = 0; first < kGroup; first += tile.step) {
    const int64_t at = (column + first) / tile.step * tile.rows + row;
    tile.scales[at] = scale;
    tile.sums[at] = scale * rounded.sum(first, tile.step);
  }
}

/// The second digits of a group: a step of the first is left by at most its half, in 127 steps.
void write_rest(const Group& left, float scale, int64_t group, int row, Rest& rest) {
  rest.scale = scale / 254.0f;
  const Group rounded = left.rounded(rest.scale);
  rounded.store_bytes(rest.values);
  rest.sums[0] = rest.scale * rounded.sum(0, kGroup / 2);
  rest.sums[1] = rest.scale * rounded.sum(kGroup / 2, kGroup / 2);
  rest.group = static_cast<int32_t>(group);
  rest.row = row;
}

}  // namespace

int64_t quantize_tile(const TileQuantization& tile) {
  float finest[kMostTileRows];
  for (int row = 0; row < tile.rows; ++row) finest[row] = finest_scale(tile.x[row], tile.cols);
  int64_t rests = 0;
  for (int64_t column = 0; column < tile.padded; column += kGroup) {
    for (int row = 0; row < tile.rows; ++row) {
      const Group group = Group::load(tile.x[row], column, tile.cols);
      const float scale = group.scale();
      const Group rounded = group.rounded(scale);
      write_group(tile, row, column, rounded, scale);
      if (scale > finest[row]) {
        write_rest(group.rest(rounded, scale), scale, column / kGroup, row, tile.rests[rests++]);
      }
    }
  }
  return rests;
}

}  // namespace mica::cpu::MICA_ISA_NS
