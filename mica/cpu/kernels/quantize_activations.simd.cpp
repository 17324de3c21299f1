// Rounds a tile of activation rows to int8.

#include <cmath>

#include "mica/cpu/kernels/load_columns.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/simd_sums.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kGroup = kActivationGroup;
constexpr int kVectors = kGroup / F32::kLanes;

/// Groups that are rounded together, so that their reductions share shuffles.
constexpr int kBatch = 4;

/// One group of values.
struct Group {
  F32 x[kVectors];

  /// Of a row of `cols` values those from `column` on, zeros behind the last.
  static Group load(const float* x, int64_t column, int64_t cols) {
    Group out;
    for (int i = 0; i < kVectors; ++i) out.x[i] = load_columns(x, column + i * F32::kLanes, cols);
    return out;
  }

  /// Lanes whose largest is the largest magnitude.
  F32 magnitude() const {
    F32 most = abs(x[0]);
    for (int i = 1; i < kVectors; ++i) most = max(abs(x[i]), most);
    return most;
  }

  /// x / scale, rounded.
  Group rounded(float inverse_scale) const {
    const F32 inverse(inverse_scale);
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

#if defined(__AVX512F__)
  /// The values as bytes.
  __m256i bytes() const {
    return _mm256_set_m128i(_mm512_cvtepi32_epi8(to_i32(x[1]).v), _mm512_cvtepi32_epi8(to_i32(x[0]).v));
  }
#elif defined(__AVX2__)
  __m256i bytes() const {
    alignas(32) int8_t out[kGroup];
    store_bytes(out);
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(out));
  }
#endif

  /// Lanes whose sum is that of the values [first, first + count).
  F32 sum(int first, int count) const {
    F32 total = x[first / F32::kLanes];
    for (int i = first / F32::kLanes + 1; i < (first + count) / F32::kLanes; ++i) total = total + x[i];
    return total;
  }
};

/// 127 / largest; of an all-zero group, and one too small for the quotient to be finite, the values become zero. One
/// division, so that it does not wait for that of the scale.
float inverse_scale(float largest) {
  return 127.0f / (largest >= 0x1p-113f ? largest : __builtin_inff());
}

/// The scale above which a group of the row gets a second digit.
float finest_scale(const float* x, int64_t cols) {
  constexpr int kSums = 4;  // as many additions run at a time
  F32 squares[kSums] = {F32(0.0f), F32(0.0f), F32(0.0f), F32(0.0f)};
  for (int64_t column = 0; column < cols; column += kSums * F32::kLanes) {
    for (int i = 0; i < kSums; ++i) {
      const F32 value = load_columns(x, column + i * F32::kLanes, cols);
      squares[i] = fma(value, value, squares[i]);
    }
  }
  const float sum = reduce_add((squares[0] + squares[1]) + (squares[2] + squares[3]));
  return kOutlier / 127.0f * std::sqrt(sum / static_cast<float>(cols));
}

/// The second digits of a group: a step of the first is left by at most its half, in 127 steps.
void write_rest(const Group& left, float scale, int64_t group, int row, Rest& rest) {
  rest.scale = scale / 254.0f;
  const Group rounded = left.rounded(inverse_scale(127.0f * rest.scale));
  rounded.store_bytes(rest.values);
  rest.sums[0] = rest.scale * reduce_add(rounded.sum(0, kGroup / 2));
  rest.sums[1] = rest.scale * reduce_add(rounded.sum(kGroup / 2, kGroup / 2));
  rest.group = static_cast<int32_t>(group);
  rest.row = row;
}

/// Up to kBatch groups of a tile, in the order group by group, row by row.
class Batch {
 public:
  explicit Batch(const TileQuantization& tile) : tile_(tile) {}

  /// Takes the group from `column` on of row `row`.
  void add(int row, int64_t column) {
    rows_[count_] = row;
    columns_[count_] = column;
    groups_[count_++] = Group::load(tile_.x[row], column, tile_.cols);
  }

  bool is_full() const { return count_ == kBatch; }

  /// Writes the groups, and to `rests` the second digits of those with scales above their row's in `finest`. Returns
  /// the number of these.
  int64_t write(const float* finest, Rest* rests) {
    for (int i = count_; i < kBatch; ++i) groups_[i] = groups_[0];
    alignas(16) float largest[kBatch];
    alignas(16) float scales[kBatch];
    alignas(16) float inverses[kBatch];
    reduce_max(groups_[0].magnitude(), groups_[1].magnitude(), groups_[2].magnitude(), groups_[3].magnitude(), largest);
    for (int i = 0; i < kBatch; ++i) scales[i] = largest[i] / 127.0f;
    for (int i = 0; i < kBatch; ++i) inverses[i] = inverse_scale(largest[i]);
    Group rounded[kBatch];
    for (int i = 0; i < kBatch; ++i) rounded[i] = groups_[i].rounded(inverses[i]);
    for (int first = 0; first < kGroup; first += tile_.step) write_sums(rounded, first, scales);
    int64_t count = 0;
    write_values(rounded);
    for (int i = 0; i < count_; ++i) {
      const bool is_coarse = scales[i] > finest[rows_[i]];
      if (!is_coarse) continue;
      write_rest(groups_[i].rest(rounded[i], scales[i]), scales[i], columns_[i] / kGroup, rows_[i], rests[count++]);
    }
    count_ = 0;
    return count;
  }

 private:
  /// Scales and sums of the step from value `first` of the groups on.
  void write_sums(const Group (&rounded)[kBatch], int first, const float* scales) const {
    const int step = tile_.step;
    const int shift = __builtin_ctz(static_cast<unsigned>(step));
    alignas(16) float sums[kBatch];
    reduce_add(rounded[0].sum(first, step), rounded[1].sum(first, step), rounded[2].sum(first, step),
               rounded[3].sum(first, step), sums);
    for (int i = 0; i < count_; ++i) {
      const int64_t at = ((columns_[i] + first) >> shift) * tile_.rows + rows_[i];
      tile_.scales[at] = scales[i];
      tile_.sums[at] = scales[i] * sums[i];
      // The scale of a group with NaN is NaN: what is added to it does not matter.
      tile_.totals[at] = std::isnan(sums[i]) ? 0 : static_cast<int32_t>(sums[i]);
    }
  }

  /// Writes the quads of the groups, those of the rows of a tile side by side.
  void write_values(const Group (&rounded)[kBatch]) const {
    const int64_t stride = 4 * int64_t{tile_.rows};
    const bool is_block = count_ == kBatch && rows_[kBatch - 1] == rows_[0] + kBatch - 1;
    if (is_block) return store_quads(rounded, tile_.values + columns_[0] * tile_.rows + 4 * rows_[0], stride);
    for (int j = 0; j < count_; ++j) {
      alignas(64) int8_t bytes[kGroup];
      rounded[j].store_bytes(bytes);
      int8_t* values = tile_.values + columns_[j] * tile_.rows + 4 * rows_[j];
      for (int i = 0; i < kGroup; i += 4, values += stride) __builtin_memcpy(values, bytes + i, 4);
    }
  }

  /// Quads of kBatch rows, `stride` bytes from one quad to the next.
  static void store_quads(const Group (&rounded)[kBatch], int8_t* values, int64_t stride) {
#if defined(__AVX2__)
    // In registers: what has been stored by 16 bytes makes a load of 32 wait (a fifth of the time of rounding).
    __m256i rows[kBatch];
    for (int i = 0; i < kBatch; ++i) rows[i] = rounded[i].bytes();
    // Quads 0 and 4 of all rows, 1 and 5, …
    const __m256i low[2] = {_mm256_unpacklo_epi32(rows[0], rows[1]), _mm256_unpacklo_epi32(rows[2], rows[3])};
    const __m256i high[2] = {_mm256_unpackhi_epi32(rows[0], rows[1]), _mm256_unpackhi_epi32(rows[2], rows[3])};
    const __m256i quads[4] = {_mm256_unpacklo_epi64(low[0], low[1]), _mm256_unpackhi_epi64(low[0], low[1]),
                              _mm256_unpacklo_epi64(high[0], high[1]), _mm256_unpackhi_epi64(high[0], high[1])};
    for (int i = 0; i < 4; ++i) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(values + i * stride), _mm256_castsi256_si128(quads[i]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(values + (4 + i) * stride), _mm256_extracti128_si256(quads[i], 1));
    }
#else
    alignas(64) int8_t bytes[kBatch][kGroup];
    for (int i = 0; i < kBatch; ++i) rounded[i].store_bytes(bytes[i]);
    for (int i = 0; i < kGroup; i += 4, values += stride) {
      for (int j = 0; j < kBatch; ++j) __builtin_memcpy(values + 4 * j, bytes[j] + i, 4);
    }
#endif
  }

  const TileQuantization& tile_;
  int count_ = 0;
  int rows_[kBatch];
  int64_t columns_[kBatch];
  Group groups_[kBatch];
};

}  // namespace

int64_t quantize_tile(const TileQuantization& tile) {
  float finest[kMostTileRows];
  for (int row = 0; row < tile.rows; ++row) finest[row] = finest_scale(tile.x[row], tile.cols);
  int64_t rests = 0;
  Batch batch(tile);
  for (int64_t column = 0; column < tile.padded; column += kGroup) {
    for (int row = 0; row < tile.rows; ++row) {
      batch.add(row, column);
      const bool is_last = column + kGroup == tile.padded && row + 1 == tile.rows;
      if (batch.is_full() || is_last) rests += batch.write(finest, tile.rests + rests);
    }
  }
  return rests;
}

}  // namespace mica::cpu::MICA_ISA_NS
