// Attention of few queries, as in decoding. A task is a few rows of a key head and a part of the keys; the parts of a
// row are put together at the end. Parts begin at fixed places, so that a row's result depends neither on the rows
// beside it nor on the number of threads: a step of several tokens gives what steps of one token give, bit for bit.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "mica/cpu/attention_parts.h"
#include "mica/ops/kv_format.h"

namespace mica::cpu {
namespace {

/// Keys of a part. Fewer are not worth a task. A part lies in one page.
constexpr int64_t kPartKeys = kKvPageTokens;
static_assert(kPartKeys % kAttentionBlock == 0);

/// Work (multiplications) for which a loop over threads costs more than it gains.
constexpr int64_t kSerialWork = 1 << 15;

using Kernel = void (*)(const AttentionRows&);

Kernel choose_kernel(Isa isa) {
  if (isa >= Isa::avx512) return avx512::attention_rows;
  return isa == Isa::avx2 ? avx2::attention_rows : reference::attention_rows;
}

/// The most keys that an entry of the batch has.
int64_t most_keys(const AttentionArgs& args) {
  int64_t most = 0;
  for (int64_t b = 0; b < args.batch; ++b) {
    most = std::max(most, visible_keys(args, b, args.queries - 1).second);
  }
  return most;
}

/// The first key that any query sees.
int64_t first_key(const AttentionArgs& args) {
  int64_t first = args.keys;
  for (int64_t b = 0; b < args.batch; ++b) first = std::min(first, visible_keys(args, b, 0).first);
  return first;
}

class RowsAttention {
 public:
  RowsAttention(const AttentionArgs& args, ThreadPool& pool, Isa isa)
      : args_(args),
        pool_(pool),
        kernel_(choose_kernel(isa)),
        rows_(args.queries * attention_group(args)),
        blocks_((rows_ + kAttentionRows - 1) / kAttentionRows),
        stride_((args.value_dim + 15) / 16 * 16) {
    most_keys_ = most_keys(args);
    first_part_ = first_key(args) / kPartKeys;
    parts_ = std::max<int64_t>(1, (most_keys_ + kPartKeys - 1) / kPartKeys - first_part_);
    const auto states = static_cast<size_t>(args.batch * args.kv_heads * blocks_ * parts_ * kAttentionRows);
    // Steps find the memory of the last one.
    thread_local std::vector<float> kept;
    kept.resize(std::max(kept.size(), states * static_cast<size_t>(stride_ + 2)));
    out_ = kept.data();
    largest_ = out_ + states * static_cast<size_t>(stride_);
    sum_ = largest_ + states;
  }

  void run() {
    const int64_t pieces = args_.batch * args_.kv_heads * blocks_;
    const auto body = [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        run_part(task / parts_, task % parts_);
        if (parts_ == 1) combine(task);
      }
    };
    if (pieces * rows_ * most_keys_ * args_.dim <= kSerialWork) {
      body(0, pieces * parts_);
    } else {
      pool_.parallel_for(pieces * parts_, 1, body);
    }
    for (int64_t piece = 0; parts_ > 1 && piece < pieces; ++piece) combine(piece);
  }

 private:
  int rows_of(int64_t piece) const {
    return static_cast<int>(std::min<int64_t>(kAttentionRows, rows_ - piece % blocks_ * kAttentionRows));
  }

  AttentionRow row_of(int64_t piece, int r) const {
    const int64_t head = piece / blocks_;
    return attention_row(args_, head / args_.kv_heads, head % args_.kv_heads, piece % blocks_ * kAttentionRows + r);
  }

  /// Index of the softmax state of a row of a piece in one part of the keys.
  int64_t state(int64_t piece, int64_t part) const { return (piece * parts_ + part) * kAttentionRows; }

  /// Keys are numbered from the first one of the part.
  void run_part(int64_t piece, int64_t part) {
    const int64_t at = state(piece, part);
    const int64_t place = (first_part_ + part) * kPartKeys;
    AttentionRows rows{.rows = rows_of(piece),
                       .k = {},
                       .v = {},
                       .mask_stride = args_.mask_strides[3],
                       .scale = args_.scale,
                       .softcap = args_.softcap,
                       .out = out_ + at * stride_,
                       .out_stride = stride_,
                       .largest = largest_ + at,
                       .sum = sum_ + at};
    const auto [begin, end] = open_rows(rows, piece, place);
    rows.begin = std::max<int64_t>(0, begin) / kAttentionBlock * kAttentionBlock;
    rows.end = std::min(kPartKeys, end);
    if (rows.begin >= rows.end) {
      // No row sees a key, and there may be no page.
      std::fill_n(rows.largest, rows.rows, -std::numeric_limits<float>::infinity());
      return;
    }
    open_keys(rows, row_of(piece, 0), place, end > kPartKeys);
    kernel_(rows);
  }

  /// The queries of a piece; returns the keys, from `place` on, that any of them sees.
  std::pair<int64_t, int64_t> open_rows(AttentionRows& rows, int64_t piece, int64_t place) const {
    int64_t begin = kPartKeys;
    int64_t end = 0;
    for (int r = 0; r < rows.rows; ++r) {
      const AttentionRow row = row_of(piece, r);
      const auto [first, last] = visible_keys(args_, row.batch, row.query);
      rows.q[r] = attention_query(args_, row);
      rows.mask[r] = attention_mask(args_, row, place);
      rows.first[r] = first - place;
      rows.last[r] = last - place;
      begin = std::min(begin, rows.first[r]);
      end = std::max(end, rows.last[r]);
    }
    return {begin, end};
  }

  /// Keys and values from `place` on, and where the next part's are.
  void open_keys(AttentionRows& rows, const AttentionRow& row, int64_t place, bool has_next) const {
    const int64_t kv_head = row.head / attention_group(args_);
    const auto from = [&](const AttentionView<const void>& view, int64_t dim, int64_t key) {
      return attention_kv(args_, view, dim, row.batch, kv_head, key);
    };
    rows.k = from(args_.k, args_.dim, place);
    rows.v = from(args_.v, args_.value_dim, place);
    rows.part = kPartKeys;
    if (!has_next) return;
    rows.next_k = from(args_.k, args_.dim, place + kPartKeys).data;
    rows.next_v = from(args_.v, args_.value_dim, place + kPartKeys).data;
  }

  /// Adds up the parts of a piece and writes its rows.
  void combine(int64_t piece) {
    for (int r = 0; r < rows_of(piece); ++r) combine_row(piece, r);
  }

  void combine_row(int64_t piece, int r) {
    float largest = -std::numeric_limits<float>::infinity();
    for (int64_t part = 0; part < parts_; ++part) largest = std::max(largest, largest_at(piece, part, r));
    float sum = 0.0f;
    const AttentionRow row = row_of(piece, r);
    float* out = attention_out(args_, row);
    std::fill(out, out + args_.value_dim, 0.0f);
    for (int64_t part = 0; part < parts_; ++part) {
      if (largest_at(piece, part, r) == -std::numeric_limits<float>::infinity()) continue;
      const float weight = std::exp(largest_at(piece, part, r) - largest);
      const int64_t at = state(piece, part) + r;
      sum += weight * sum_[at];
      const float* values = out_ + at * stride_;
      for (int64_t d = 0; d < args_.value_dim; ++d) out[d] += weight * values[d];
    }
    const float normalizer = attention_normalizer(args_, row.head, largest, sum);
    for (int64_t d = 0; d < args_.value_dim; ++d) out[d] *= normalizer;
  }

  float largest_at(int64_t piece, int64_t part, int r) const { return largest_[state(piece, part) + r]; }

  const AttentionArgs& args_;
  ThreadPool& pool_;
  Kernel kernel_;
  int64_t rows_;    // of a key head
  int64_t blocks_;  // of rows
  int64_t stride_;  // of sums
  int64_t most_keys_ = 0;
  int64_t first_part_ = 0;
  int64_t parts_ = 1;
  float* out_ = nullptr;  // [state][stride_]
  float* largest_ = nullptr;
  float* sum_ = nullptr;
};

}  // namespace

void attention_by_rows(const AttentionArgs& args, ThreadPool& pool, Isa isa) {
  RowsAttention(args, pool, isa).run();
}

}  // namespace mica::cpu
