#pragma once

#include <cstdint>
#include <utility>

#include "mica/cpu/attention.h"
#include "mica/cpu/kernels/attention_kernels.h"

// What the two ways of computing attention share (attention.cpp chooses between them).

namespace mica::cpu {

/// Few queries: rows in parallel, keys split among threads when rows are few.
void attention_by_rows(const AttentionArgs& args, ThreadPool& pool, Isa isa);

/// Many queries: tiles of queries over blocks of keys.
void attention_by_tiles(const AttentionArgs& args, ThreadPool& pool, Isa isa);

/// A query row of a key head: rows are numbered so that the heads of a group stand together.
struct AttentionRow {
  int64_t batch = 0;
  int64_t head = 0;
  int64_t query = 0;
};

inline int64_t attention_group(const AttentionArgs& args) {
  return args.heads / args.kv_heads;
}

inline AttentionRow attention_row(const AttentionArgs& args, int64_t batch, int64_t kv_head, int64_t row) {
  const int64_t group = attention_group(args);
  return {batch, kv_head * group + row % group, row / group};
}

/// Keys [first, second) that a query sees, masks aside.
std::pair<int64_t, int64_t> visible_keys(const AttentionArgs& args, int64_t batch, int64_t query);

/// Of the keys from `first` on.
AttentionMask attention_mask(const AttentionArgs& args, const AttentionRow& row, int64_t first);

/// Rows of a head, those of the keys (`view` is args.k) or of the values, each of `dim` elements; row 0 is `first`. The
/// rows of its page follow.
KvRows attention_kv(const AttentionArgs& args, const AttentionView<const void>& view, int64_t dim, int64_t batch,
                    int64_t kv_head, int64_t first);

inline const float* attention_query(const AttentionArgs& args, const AttentionRow& row) {
  return args.q.data + row.batch * args.q.batch_stride + row.head * args.q.head_stride + row.query * args.q.row_stride;
}

inline float* attention_out(const AttentionArgs& args, const AttentionRow& row) {
  return args.out.data + row.batch * args.out.batch_stride + row.head * args.out.head_stride +
         row.query * args.out.row_stride;
}

/// What sums of p · v are to be multiplied with: 1 / Σ p, the sink of the head taking part; 0 when nothing was seen.
float attention_normalizer(const AttentionArgs& args, int64_t head, float largest, float sum);

}  // namespace mica::cpu
