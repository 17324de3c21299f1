// Attention of many queries. A task is up to 256 rows of one key head, cut into tiles as wide as a GEMM tile. For every
// block of keys it packs keys and values once; then, for every tile with S = scores and O = output, both transposed
// (a query is a column):  S = K · Q, P = softmax(S), O += V · P. P is already laid out as the second product reads it.

#include <algorithm>
#include <limits>
#include <vector>

#include "mica/base/round_up.h"
#include "mica/cpu/attention_parts.h"
#include "mica/cpu/kernels/gemm_kernels.h"

namespace mica::cpu {
namespace {

constexpr int64_t kTaskTiles = 8;
/// Keys of a block: a multiple of the rows of every GEMM tile (4, 6, 12). Its packed keys, values and scores stay in
/// the second-level cache.
constexpr int64_t kBlockKeys = 96;

struct Kernels {
  GemmTileShape (*shape)(bool);
  void (*pack)(const GemmPack&);
  void (*tile)(const GemmTile&);
  void (*softmax)(const AttentionTile&);
};

Kernels choose_kernels(Isa isa) {
  if (isa >= Isa::avx512) {
    return {avx512::gemm_tile_shape, avx512::gemm_pack, avx512::gemm_tile, avx512::attention_softmax};
  }
  if (isa == Isa::avx2) return {avx2::gemm_tile_shape, avx2::gemm_pack, avx2::gemm_tile, avx2::attention_softmax};
  return {reference::gemm_tile_shape, reference::gemm_pack, reference::gemm_tile, reference::attention_softmax};
}

/// The state of the queries of one tile.
struct QueryTile {
  int64_t count = 0;                      // queries; the columns behind are padding that sees nothing
  std::vector<float> q;                   // [dim][width]
  std::vector<float> out;                 // [value rows][width]
  std::vector<float> largest, sum;        // [width]
  std::vector<int64_t> first, last;       // [width]
  std::vector<AttentionMask> masks;       // [count]
  int64_t seen_first = 0, seen_last = 0;  // keys that any query sees
};

/// One task, with its memory.
class TilesTask {
 public:
  TilesTask(const AttentionArgs& args, Isa isa)
      : args_(args),
        kernels_(choose_kernels(isa)),
        shape_(kernels_.shape(false)),
        width_(shape_.cols),
        value_rows_(round_up(args.value_dim, shape_.rows)),
        keys_(static_cast<size_t>(kBlockKeys * std::max<int64_t>(args.dim, 1))),
        values_(static_cast<size_t>(kBlockKeys * value_rows_)),
        scores_(static_cast<size_t>(kBlockKeys * width_)),
        first_(static_cast<size_t>(width_)),
        last_(static_cast<size_t>(width_)) {
    if (args.additive_mask != nullptr || args.bool_mask != nullptr) bias_.resize(scores_.size());
  }

  /// Rows [begin, end) of a key head.
  void run(int64_t batch, int64_t kv_head, int64_t begin, int64_t end) {
    tiles_.resize(static_cast<size_t>((end - begin + width_ - 1) / width_));
    int64_t seen_first = args_.keys;
    int64_t seen_last = 0;
    for (size_t i = 0; i < tiles_.size(); ++i) {
      const int64_t row = begin + static_cast<int64_t>(i) * width_;
      open_tile(tiles_[i], batch, kv_head, row, std::min(width_, end - row));
      seen_first = std::min(seen_first, tiles_[i].seen_first);
      seen_last = std::max(seen_last, tiles_[i].seen_last);
    }
    for (int64_t key = seen_first; key < seen_last; key += kBlockKeys) {
      const int64_t count = std::min(kBlockKeys, seen_last - key);
      pack_block(batch, kv_head, key, count);
      for (QueryTile& tile : tiles_) {
        if (key < tile.seen_last && key + count > tile.seen_first) add_block(tile, key, count);
      }
    }
    for (size_t i = 0; i < tiles_.size(); ++i) {
      close_tile(tiles_[i], batch, kv_head, begin + static_cast<int64_t>(i) * width_);
    }
  }

 private:
  void open_tile(QueryTile& tile, int64_t batch, int64_t kv_head, int64_t first_row, int64_t count) {
    tile.count = count;
    tile.q.assign(static_cast<size_t>(args_.dim * width_), 0.0f);
    tile.out.assign(static_cast<size_t>(value_rows_ * width_), 0.0f);
    tile.largest.assign(static_cast<size_t>(width_), -std::numeric_limits<float>::infinity());
    tile.sum.assign(static_cast<size_t>(width_), 0.0f);
    tile.first.assign(static_cast<size_t>(width_), 0);
    tile.last.assign(static_cast<size_t>(width_), 0);
    tile.masks.clear();
    tile.seen_first = args_.keys;
    tile.seen_last = 0;
    for (int64_t i = 0; i < count; ++i) {
      const AttentionRow row = attention_row(args_, batch, kv_head, first_row + i);
      const float* q = attention_query(args_, row);
      for (int64_t d = 0; d < args_.dim; ++d) tile.q[static_cast<size_t>(d * width_ + i)] = q[d] * args_.scale;
      const auto [first, last] = visible_keys(args_, row.batch, row.query);
      tile.first[static_cast<size_t>(i)] = first;
      tile.last[static_cast<size_t>(i)] = last;
      tile.seen_first = std::min(tile.seen_first, first);
      tile.seen_last = std::max(tile.seen_last, last);
      tile.masks.push_back(attention_mask(args_, row));
    }
  }

  /// Keys as rows of a left operand, values as columns of one; both are filled up with zeros to whole GEMM tiles.
  void pack_block(int64_t batch, int64_t kv_head, int64_t key, int64_t count) {
    const GemmType type = attention_kv_type(args_);
    const int64_t bytes = type == GemmType::f32 ? 4 : 2;
    const auto* k = static_cast<const std::byte*>(attention_kv(args_, args_.k, batch, kv_head));
    const auto* v = static_cast<const std::byte*>(attention_kv(args_, args_.v, batch, kv_head));
    for (int64_t i = 0; i < count; i += shape_.rows) {
      kernels_.pack({.type = type,
                     .data = k + (key + i) * args_.k.row_stride * bytes,
                     .count = std::min<int64_t>(shape_.rows, count - i),
                     .depth = args_.dim,
                     .vector_stride = args_.k.row_stride,
                     .depth_stride = 1,
                     .width = shape_.rows,
                     .out = keys_.data() + i * args_.dim});
    }
    for (int64_t d = 0; d < args_.value_dim; d += shape_.rows) {
      kernels_.pack({.type = type,
                     .data = v + (key * args_.v.row_stride + d) * bytes,
                     .count = std::min<int64_t>(shape_.rows, args_.value_dim - d),
                     .depth = count,
                     .vector_stride = 1,
                     .depth_stride = args_.v.row_stride,
                     .width = shape_.rows,
                     .out = values_.data() + d * count});
    }
  }

  void add_block(QueryTile& tile, int64_t key, int64_t count) {
    for (int64_t i = 0; i < count; i += shape_.rows) {
      kernels_.tile({.depth = args_.dim,
                     .a = keys_.data() + i * args_.dim,
                     .b = tile.q.data(),
                     .c = scores_.data() + i * width_,
                     .ldc = width_,
                     .rows = shape_.rows,
                     .cols = width_});
    }
    softmax(tile, key, count);
    for (int64_t d = 0; d < value_rows_; d += shape_.rows) {
      kernels_.tile({.depth = count,
                     .a = values_.data() + d * count,
                     .b = scores_.data(),
                     .c = tile.out.data() + d * width_,
                     .ldc = width_,
                     .rows = shape_.rows,
                     .cols = width_,
                     .accumulate = true});
    }
  }

  void softmax(QueryTile& tile, int64_t key, int64_t count) {
    bool all_see_all = tile.count == width_;
    for (int64_t i = 0; i < width_; ++i) {
      const auto at = static_cast<size_t>(i);
      first_[at] = static_cast<float>(std::clamp<int64_t>(tile.first[at] - key, 0, count));
      last_[at] = static_cast<float>(std::clamp<int64_t>(tile.last[at] - key, 0, count));
      all_see_all = all_see_all && tile.first[at] <= key && tile.last[at] >= key + count;
    }
    if (!bias_.empty()) gather_bias(tile, key, count);
    kernels_.softmax({.scores = scores_.data(),
                      .keys = count,
                      .width = static_cast<int>(width_),
                      .bias = bias_.empty() ? nullptr : bias_.data(),
                      .softcap = args_.softcap,
                      .first = all_see_all ? nullptr : first_.data(),
                      .last = all_see_all ? nullptr : last_.data(),
                      .largest = tile.largest.data(),
                      .sum = tile.sum.data(),
                      .out = tile.out.data(),
                      .value_rows = value_rows_});
  }

  void gather_bias(const QueryTile& tile, int64_t key, int64_t count) {
    for (int64_t j = 0; j < count; ++j) {
      const int64_t at = (key + j) * args_.mask_strides[3];
      float* bias = bias_.data() + j * width_;
      for (int64_t i = 0; i < tile.count; ++i) {
        const AttentionMask& mask = tile.masks[static_cast<size_t>(i)];
        const float hidden = -std::numeric_limits<float>::infinity();
        bias[i] = mask.additive ? mask.additive[at] : mask.allowed[at] ? 0.0f : hidden;
      }
    }
  }

  void close_tile(const QueryTile& tile, int64_t batch, int64_t kv_head, int64_t first_row) {
    for (int64_t i = 0; i < tile.count; ++i) {
      const AttentionRow row = attention_row(args_, batch, kv_head, first_row + i);
      const auto at = static_cast<size_t>(i);
      const float normalizer = attention_normalizer(args_, row.head, tile.largest[at], tile.sum[at]);
      float* out = attention_out(args_, row);
      for (int64_t d = 0; d < args_.value_dim; ++d) out[d] = tile.out[static_cast<size_t>(d * width_ + i)] * normalizer;
    }
  }

  const AttentionArgs& args_;
  Kernels kernels_;
  GemmTileShape shape_;
  int64_t width_;
  int64_t value_rows_;
  std::vector<float> keys_, values_, scores_, first_, last_, bias_;
  std::vector<QueryTile> tiles_;
};

}  // namespace

void attention_by_tiles(const AttentionArgs& args, ThreadPool& pool, Isa isa) {
  const int64_t rows = args.queries * attention_group(args);
  const int64_t task_rows = kTaskTiles * choose_kernels(isa).shape(false).cols;
  const int64_t tasks = (rows + task_rows - 1) / task_rows;
  pool.parallel_for(args.batch * args.kv_heads * tasks, 1, [&](int64_t begin, int64_t end) {
    TilesTask task(args, isa);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / tasks;
      // The last rows see most keys: they go first, so that no thread is left with a long one at the end.
      const int64_t first = (tasks - 1 - i % tasks) * task_rows;
      task.run(head / args.kv_heads, head % args.kv_heads, first, std::min(rows, first + task_rows));
    }
  });
}

}  // namespace mica::cpu
