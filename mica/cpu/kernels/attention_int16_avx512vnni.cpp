// The products and the softmax of attention in 16-bit fixed point.

#define MICA_ISA_NS avx512vnni

#include "mica/cpu/kernels/attention_hiding.h"
#include "mica/cpu/kernels/attention_int16.h"
#include "mica/cpu/kernels/transpose_avx512.h"

namespace mica::cpu::avx512vnni {
namespace {

constexpr int kLanes = F32::kLanes;
constexpr int kVectors = kInt16Queries / kLanes;
constexpr int kRows = kInt16Rows;
constexpr int kWidth = kInt16Queries;
constexpr float kInfinity = __builtin_inff();
/// What the weights of a query in a block add up to, and what the largest value of a block becomes.
constexpr float kFull = 32767.0f;

/// Sums of products of a tile.
struct Sums {
  alignas(64) int32_t at[kRows][kWidth];

  F32 load(int row, int lane) const { return F32(_mm512_cvtepi32_ps(_mm512_load_si512(&at[row][lane]))); }
};

/// sums = products of kRows rows of `a`, with rows and elements so many pairs apart, and the columns of `b`. A function
/// of its own: what it is part of would take registers from it.
__attribute__((noinline)) void multiply(const int32_t* a, int64_t row_step, int64_t pair_step, const int32_t* b,
                                        int64_t pairs, Sums& out) {
  __m512i sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < kVectors; ++j) sums[i][j] = _mm512_setzero_si512();
  }
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const __m512i b0 = _mm512_loadu_si512(b);
    const __m512i b1 = _mm512_loadu_si512(b + kLanes);
    const __m512i b2 = _mm512_loadu_si512(b + 2 * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const __m512i element = _mm512_set1_epi32(a[i * row_step]);
      sums[i][0] = _mm512_dpwssd_epi32(sums[i][0], element, b0);
      sums[i][1] = _mm512_dpwssd_epi32(sums[i][1], element, b1);
      sums[i][2] = _mm512_dpwssd_epi32(sums[i][2], element, b2);
    }
    a += pair_step;
    b += kWidth;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < kVectors; ++j) _mm512_store_si512(&out.at[i][j * kLanes], sums[i][j]);
  }
}

/// Scores of all keys of the block; `most` becomes the largest of each query.
void multiply_keys(const Int16Tile& tile, F32 (&most)[kVectors]) {
  const int64_t pairs = (tile.dim + 1) / 2;
  for (int j = 0; j < kVectors; ++j) most[j] = F32(-kInfinity);
  Sums sums;
  for (int64_t key = 0; key < tile.keys; key += kRows) {
    multiply(tile.k + key * pairs, pairs, 1, tile.q, pairs, sums);
    // Rows that only fill up the block are no keys.
    const int rows = static_cast<int>(tile.keys - key < kRows ? tile.keys - key : kRows);
    float* scores = tile.scores + key * kWidth;
#pragma GCC unroll 3
    for (int j = 0; j < kVectors; ++j) {
      const F32 scale = F32::load(tile.q_scales + j * kLanes);
      for (int i = 0; i < rows; ++i) {
        const F32 score = sums.load(i, j * kLanes) * (scale * F32(tile.k_scales[key + i]));
        score.store(scores + i * kWidth + j * kLanes);
        most[j] = max(score, most[j]);
      }
    }
  }
}

/// Scores with softcap and masks, in powers of 2.
F32 hide_keys(const Int16Tile& tile, int lane) {
  F32 most(-kInfinity);
  const HiddenKeys hidden(tile.hiding, kWidth, lane);
  for (int64_t key = 0; key < tile.keys; ++key) {
    float* at = tile.scores + key * kWidth + lane;
    const F32 score = hidden.apply(F32::load(at), key) * F32(tile.score_scale);
    score.store(at);
    most = max(score, most);
  }
  return most;
}

/// 2^x to 3e-6; 0 for −infinity.
inline F32 exp2(F32 x) {
  const F32 f(_mm512_reduce_ps(x.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
  F32 p = fma(f, F32(0.01353415f), F32(0.05201149f));
  p = fma(p, f, F32(0.24144274f));
  p = fma(p, f, F32(0.69300384f));
  p = fma(p, f, F32(1.0000026f));
  return scale_by_power_of_two(p, x);
}

/// Scores of 16 queries become pairs of weights, in the rows of the first half of the keys. Returns what earlier sums
/// are to be multiplied with; `factor` is what the block's sums are.
F32 softmax(const Int16Tile& tile, int lane, F32 block_most, F32& factor) {
  const F32 before = F32::load(tile.largest + lane);
  const F32 most = max(block_most, before);
  // A query that has seen nothing yet has −∞ here; 0 keeps the differences below defined.
  const F32 base = select(most == F32(-kInfinity), F32(0.0f), most);
  F32 total(0.0f);
  float* scores = tile.scores + lane;
  for (int64_t key = 0; key < tile.keys; ++key) {
    const F32 p = exp2(F32::load(scores + key * kWidth) - base);
    p.store(scores + key * kWidth);
    total = total + p;
  }
  const F32 correction = exp2(before - base);
  most.store(tile.largest + lane);
  fma(F32::load(tile.sum + lane), correction, total).store(tile.sum + lane);
  const F32 scale = select(total == F32(0.0f), F32(0.0f), F32(kFull) / total);
  // Adding 1.5 · 2^23 leaves the rounded integer in the last bits.
  const F32 magic(12582912.0f);
  const auto integers = [&](int64_t key) {
    return _mm512_castps_si512(fma(F32::load(scores + key * kWidth), scale, magic).v);
  };
  int64_t key = 0;
  for (; key + 1 < tile.keys; key += 2) {
    _mm512_storeu_si512(scores + key / 2 * kWidth, join(integers(key), integers(key + 1)));
  }
  if (key < tile.keys) _mm512_storeu_si512(scores + key / 2 * kWidth, join(integers(key), _mm512_setzero_si512()));
  factor = total * F32(tile.v_scale / kFull);
  return correction;
}

void add_values(const Int16Tile& tile, const F32 (&corrections)[kVectors], const F32 (&factors)[kVectors]) {
  const auto* weights = reinterpret_cast<const int32_t*>(tile.scores);
  Sums sums;
  for (int64_t row = 0; row < tile.value_rows; row += kRows) {
    multiply(tile.v + row * tile.v_pairs, 1, kRows, weights, (tile.keys + 1) / 2, sums);
    float* out = tile.out + row * kWidth;
#pragma GCC unroll 3
    for (int j = 0; j < kVectors; ++j) {
      for (int i = 0; i < kRows; ++i) {
        float* at = out + i * kWidth + j * kLanes;
        fma(F32::load(at), corrections[j], sums.load(i, j * kLanes) * factors[j]).store(at);
      }
    }
  }
}

}  // namespace

void attention_int16_tile(const Int16Tile& tile) {
  F32 most[kVectors];
  F32 corrections[kVectors];
  F32 factors[kVectors];
  multiply_keys(tile, most);
  const bool hides = tile.hiding.first != nullptr || tile.hiding.bias != nullptr || tile.hiding.softcap > 0;
  for (int j = 0; j < kVectors; ++j) {
    if (hides) most[j] = hide_keys(tile, j * kLanes);
    corrections[j] = softmax(tile, j * kLanes, most[j], factors[j]);
  }
  add_values(tile, corrections, factors);
}

}  // namespace mica::cpu::avx512vnni
