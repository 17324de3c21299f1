#pragma once

#include <cstdint>

#include "mica/cpu/kernels/attention_kernels.h"

// Attention of many queries in 16-bit fixed point, by instructions that multiply pairs of 16-bit integers and add them
// up in 32 bits: the rate of bfloat16 products at 15 bits instead of 8.
//
// A query, and a key, is a row of integers of length (√Σ x²) at most 2^15 with one scale, so that no product of two
// overflows (Cauchy and Schwarz). Weights exp(score − largest) of a query and a block of keys add up to 2^15, and no
// value is larger than 2^15.

namespace mica::cpu {

/// Queries of a tile.
constexpr int kInt16Queries = 48;
/// Keys, and value columns, that the products handle at once: packed blocks have whole multiples of them.
constexpr int kInt16Rows = 8;

/// Query rows to be packed.
struct Int16Queries {
  const float* rows[kInt16Queries] = {};
  int count = 0;  ///< the others are zeros
  int64_t dim = 0;
  float scale = 1.0f;       ///< joins the scales
  int32_t* out = nullptr;   ///< [⌈dim / 2⌉][kInt16Queries] pairs
  float* scales = nullptr;  ///< [kInt16Queries]
};

/// A tile of queries against a block of keys: S = K · Q, P = softmax(S), out = out + V · P, a query a column each.
struct Int16Tile {
  int64_t dim = 0;
  int64_t value_rows = 0;  ///< columns of V, filled up to a multiple of kInt16Rows
  int64_t keys = 0;
  const int32_t* q = nullptr;       ///< [⌈dim / 2⌉][kInt16Queries] pairs
  const float* q_scales = nullptr;  ///< [kInt16Queries]
  const int32_t* k = nullptr;       ///< [keys, filled up][⌈dim / 2⌉] pairs
  const float* k_scales = nullptr;  ///< [keys, filled up]
  const int32_t* v = nullptr;       ///< [value_rows / kInt16Rows][v_pairs][kInt16Rows] pairs of keys
  int64_t v_pairs = 0;              ///< pairs of keys of the packed block
  float v_scale = 0.0f;
  float* scores = nullptr;  ///< work memory [keys, filled up][kInt16Queries]
  float score_scale =
      1.0f;  ///< what turns a score, masks applied, into a power of 2; in q_scales when nothing is masked
  AttentionHiding hiding;
  float* largest = nullptr;  ///< [kInt16Queries] in powers of 2, in and out
  float* sum = nullptr;      ///< [kInt16Queries], in and out
  float* out = nullptr;      ///< [value_rows][kInt16Queries], in and out
};

namespace avx512vnni {

void attention_int16_queries(const Int16Queries& queries);

/// Keys 0 … count − 1 as rows of pairs [count, filled up][⌈dim / 2⌉] with a scale each.
void attention_int16_keys(const KvRows& rows, int64_t count, int32_t* out, float* scales);

/// Values of keys 0 … count − 1 as pairs of keys [⌈dim / kInt16Rows⌉][⌈count / 2⌉][kInt16Rows]; returns their scale.
float attention_int16_values(const KvRows& rows, int64_t count, int32_t* out);

void attention_int16_tile(const Int16Tile& tile);

/// The first `count` columns of `out` [value_rows][kInt16Queries], times a factor each, as rows of `dim` values.
void attention_int16_store(const float* out, const float* factors, int count, int64_t dim, float* const* rows);

}  // namespace avx512vnni
}  // namespace mica::cpu
