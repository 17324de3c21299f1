#pragma once

#include <cstdint>

#include "mica/cpu/kv_rows.h"

// Kernels of attention (attention_rows.cpp, attention_tiles.cpp), one set an instruction set.

namespace mica::cpu {

/// Query rows that one call of attention_rows takes.
constexpr int kAttentionRows = 4;

/// Keys between two updates of attention_rows' softmax state, counted from its first key on.
constexpr int kAttentionBlock = 64;

/// Mask of one query row: element `key` is at key · stride; at most one pointer is set.
struct AttentionMask {
  const float* additive = nullptr;
  const bool* allowed = nullptr;
};

/// A few query rows of one key head against keys [begin, end): the state of an online softmax before division.
struct AttentionRows {
  int rows = 0;  ///< 1 … kAttentionRows
  const float* q[kAttentionRows] = {};
  KvRows k;
  KvRows v;
  int64_t begin = 0;
  int64_t end = 0;
  /// Where the keys and values from key `part` on are, to be asked for in advance; null: nowhere.
  const std::byte* next_k = nullptr;
  const std::byte* next_v = nullptr;
  int64_t part = 0;
  int64_t first[kAttentionRows] = {};  ///< keys that a row sees: [first, last)
  int64_t last[kAttentionRows] = {};
  AttentionMask mask[kAttentionRows] = {};
  int64_t mask_stride = 0;
  float scale = 1.0f;
  float softcap = 0.0f;
  /// Out: sums of p · v [rows][out_stride] (out_stride ≥ v.dim rounded up to 16), largest score and Σ p of a row.
  float* out = nullptr;
  int64_t out_stride = 0;
  float* largest = nullptr;
  float* sum = nullptr;
};

/// What changes the scores of a tile of queries against keys, a query a column.
struct AttentionHiding {
  float softcap = 0.0f;
  const float* bias = nullptr;  ///< [keys][columns] to add, or null
  /// [columns]: keys that a query sees, relative to the tile: [first, last). Null when all see all.
  const float* first = nullptr;
  const float* last = nullptr;
};

/// A tile of scores [keys][width], a query a column, and the softmax state of its queries.
struct AttentionTile {
  float* scores = nullptr;  ///< in: q · k; out: exp(score − largest)
  int64_t keys = 0;
  int width = 0;  ///< queries: the columns of a GEMM tile
  AttentionHiding hiding;
  float* largest = nullptr;  ///< [width], in and out
  float* sum = nullptr;      ///< [width], in and out
  float* out = nullptr;      ///< [value_rows][width]: scaled to the new largest score
  int64_t value_rows = 0;
};

/// A row of f32 to be stored as codes.
struct KvCodeRow {
  const float* x = nullptr;
  int64_t dim = 0;
  int bits = 8;
  int group = 64;
  std::byte* out = nullptr;
};

#define MICA_DECLARE_ATTENTION(isa)                             \
  namespace isa {                                               \
  void attention_rows(const AttentionRows& rows);               \
  void attention_softmax(const AttentionTile& tile);            \
  void kv_quantize(const KvCodeRow& row);                       \
  void kv_widen(const KvRows& rows, int64_t count, float* out); \
  }

MICA_DECLARE_ATTENTION(reference)
MICA_DECLARE_ATTENTION(avx2)
MICA_DECLARE_ATTENTION(avx512)

#undef MICA_DECLARE_ATTENTION

}  // namespace mica::cpu
