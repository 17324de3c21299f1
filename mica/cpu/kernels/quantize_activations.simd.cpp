// Rounds a tile of activation rows to int8.

#include <algorithm>
#include <cmath>

#include "mica/cpu/kernels/load_columns.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/quads.h"
#include "mica/cpu/kernels/simd_sums.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kGroup = kActivationGroup;
constexpr int kVectors = kGroup / F32::kLanes;

/// Groups that are rounded together, so that their reductions share shuffles.
constexpr int kBatch = Quads::kRows;

/// The least magnitude that scales are made for: their inverses are finite, too.
constexpr float kLeast = 0x1p-113f;

/// One group of values.
struct Group {
  F32 x[kVectors];

  /// Of a row of `cols` values those from `column` on, zeros behind the last.
  static Group load(const float* x, int64_t column, int64_t cols) {
    Group out;
    for (int i = 0; i < kVectors; ++i) out.x[i] = load_columns(x, column + i * F32::kLanes, cols);
    return out;
  }

  /// Lanes whose largest is the largest magnitude; NaN is larger than any.
  F32 magnitude() const {
    F32 most = kLeast;
    for (const F32& values : x) most = max_magnitude(abs(values), most);
    return most;
  }
};

/// The values of a group times `inverse_scale`, rounded; anything where one was NaN.
struct RoundedGroup {
  I32 x[kVectors];

  RoundedGroup() = default;
  RoundedGroup(const Group& group, float inverse_scale) {
    const F32 inverse(inverse_scale);
    for (int i = 0; i < kVectors; ++i) x[i] = to_i32(group.x[i] * inverse);
  }

  void store_bytes(int8_t* out) const {
    for (int i = 0; i < kVectors; ++i) x[i].store_low_bytes(out + i * F32::kLanes);
  }

  /// What is left of the group without scale · x.
  Group rest(const Group& group, float scale) const {
    Group out;
    for (int i = 0; i < kVectors; ++i) out.x[i] = fma(to_f32(x[i]), F32(-scale), group.x[i]);
    return out;
  }

  /// The sum of the values of the first half of the group, or of the second one.
  float sum(int half) const {
    I32 total = x[half * kVectors / 2];
    for (int i = 1; i < kVectors / 2; ++i) total = total + x[half * kVectors / 2 + i];
    return reduce_add(to_f32(total));
  }
};

/// The scale above which a group of the row gets a second digit.
float finest_scale(const float* x, int64_t cols, float limit) {
  constexpr int kSums = 4;  // as many additions run at a time
  F32 squares[kSums] = {F32(0.0f), F32(0.0f), F32(0.0f), F32(0.0f)};
  const auto add = [&](int i, F32 value) { squares[i] = fma(value, value, squares[i]); };
  int64_t column = 0;
  for (; column + kSums * F32::kLanes <= cols; column += kSums * F32::kLanes) {
    for (int i = 0; i < kSums; ++i) add(i, F32::load(x + column + i * F32::kLanes));
  }
  for (; column < cols; column += F32::kLanes) add(0, load_columns(x, column, cols));
  const float sum = reduce_add((squares[0] + squares[1]) + (squares[2] + squares[3]));
  return limit / 127.0f * std::sqrt(sum / static_cast<float>(cols));
}

/// The second digits of a group: a step of the first is left by at most its half, in 127 steps.
void write_rest(const Group& left, float scale, int64_t group, int row, Rest& rest) {
  rest.scale = scale / 254.0f;
  const RoundedGroup rounded(left, 254.0f / scale);
  rounded.store_bytes(rest.values);
  rest.sums[0] = rest.scale * rounded.sum(0);
  rest.sums[1] = rest.scale * rounded.sum(1);
  rest.group = static_cast<int32_t>(group);
  rest.row = row;
}

/// Rounds kBatch groups of a tile at a time: those of kRows rows side by side, of neighbouring groups where these are
/// fewer.
template <int kRows>
class Batch {
 public:
  /// Columns of a batch.
  static constexpr int kColumns = kBatch / kRows * kGroup;

  explicit Batch(const TileQuantization& tile) : tile_(tile) {}

  /// Writes the groups of rows `row`, … from `column` on, and to `rests` the second digits of those with scales above
  /// their row's in `finest`. Returns the number of these.
  int64_t write(int row, int64_t column, const float* finest, Rest* rests) const {
    Group groups[kBatch];
    for (int i = 0; i < kBatch; ++i) {
      groups[i] = Group::load(tile_.x[row + i % kRows], column + i / kRows * kGroup, tile_.cols);
    }
    alignas(16) float largest[kBatch];
    alignas(16) float scales[kBatch];
    alignas(16) float inverses[kBatch];
    reduce_max_magnitude(groups[0].magnitude(), groups[1].magnitude(), groups[2].magnitude(), groups[3].magnitude(),
                         largest);
    for (int i = 0; i < kBatch; ++i) scales[i] = largest[i] / 127.0f;
    for (int i = 0; i < kBatch; ++i) inverses[i] = 127.0f / largest[i];
    RoundedGroup rounded[kBatch];
    for (int i = 0; i < kBatch; ++i) rounded[i] = RoundedGroup(groups[i], inverses[i]);
    write_values(rounded, row, column, scales);
    int64_t count = 0;
    for (int i = 0; i < kBatch; ++i) {
      const bool is_coarse = scales[i] > finest[row + i % kRows];
      if (!is_coarse) continue;
      const int64_t group = column / kGroup + i / kRows;
      write_rest(rounded[i].rest(groups[i], scales[i]), scales[i], group, row + i % kRows, rests[count++]);
    }
    return count;
  }

 private:
  /// Writes the quads of the groups, those of the rows of a tile side by side, and the scales and sums of the steps.
  void write_values(const RoundedGroup (&rounded)[kBatch], int row, int64_t column, const float* scales) const {
    int8_t* values = tile_.values + column * tile_.rows + 4 * row;
    const int64_t stride = 4 * int64_t{tile_.rows};
    I32 sums(0);
    for (int i = 0; i < kVectors; ++i) {
      const Quads quads = Quads::pack({rounded[0].x[i], rounded[1].x[i], rounded[2].x[i], rounded[3].x[i]});
      if (kRows == kBatch) quads.store(values + i * Quads::kCount * stride, stride);
      sums = sums + quads.sums();
      const int end = (i + 1) * F32::kLanes;
      if ((end & (tile_.rounding.step - 1)) != 0) continue;
      write_sums(sums, row, column + end - tile_.rounding.step, scales);
      sums = I32(0);
    }
    if (kRows == kBatch) return;
    for (int i = 0; i < kBatch; ++i) {
      write_row(rounded[i], values + int64_t{i / kRows * kGroup} * tile_.rows + 4 * (i % kRows));
    }
  }

  void write_row(const RoundedGroup& rounded, int8_t* values) const {
    if (tile_.rows == 1) return rounded.store_bytes(values);
    alignas(64) int8_t bytes[kGroup];
    rounded.store_bytes(bytes);
    for (int i = 0; i < kGroup; i += 4) __builtin_memcpy(values + i * int64_t{tile_.rows}, bytes + i, 4);
  }

  /// Scales and sums of the steps from `column` on.
  void write_sums(I32 quad_sums, int row, int64_t column, const float* scales) const {
    alignas(16) int32_t totals[kBatch];
    alignas(16) float sums[kBatch];
    add_up_quads(quad_sums, totals);
    for (int i = 0; i < kBatch; ++i) sums[i] = scales[i] * static_cast<float>(totals[i]);
    const int shift = __builtin_ctz(static_cast<unsigned>(tile_.rounding.step));
    for (int first = 0; first < kBatch; first += kRows) {
      const int64_t at = ((column + first / kRows * kGroup) >> shift) * tile_.rows + row;
      __builtin_memcpy(tile_.scales + at, scales + first, kRows * sizeof(float));
      __builtin_memcpy(tile_.sums + at, sums + first, kRows * sizeof(float));
      __builtin_memcpy(tile_.totals + at, totals + first, kRows * sizeof(float));
    }
  }

  const TileQuantization& tile_;
};

/// All of a tile, by ascending group.
template <int kRows>
int64_t quantize_rows(const TileQuantization& tile) {
  float finest[kMostTileRows];
  for (int row = 0; row < tile.rows; ++row) {
    finest[row] = std::max(kLeast, finest_scale(tile.x[row], tile.cols, tile.rounding.limit));
  }
  const Batch<kRows> batch(tile);
  int64_t rests = 0;
  for (int64_t column = 0; column < tile.padded; column += batch.kColumns) {
    for (int row = 0; row < tile.rows; row += kRows) rests += batch.write(row, column, finest, tile.rests + rests);
  }
  return rests;
}

}  // namespace

int64_t quantize_tile(const TileQuantization& tile) {
  if (tile.rows % 4 == 0) return quantize_rows<4>(tile);
  return tile.rows % 2 == 0 ? quantize_rows<2>(tile) : quantize_rows<1>(tile);
}

}  // namespace mica::cpu::MICA_ISA_NS
