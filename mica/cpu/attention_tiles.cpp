// Attention of many queries. A task is a few hundred rows of one key head, cut into tiles. For every block of keys it
// packs keys and values once for all of its tiles.

#include "mica/cpu/attention_tiles.h"

#include <algorithm>
#include <limits>

#include "mica/base/round_up.h"

namespace mica::cpu {
namespace {

/// Tiles of a task at most, which share the work of packing.
constexpr int64_t kTaskTiles = 8;

std::unique_ptr<TileArithmetic> choose_arithmetic(const AttentionArgs& args, Isa isa) {
  // Who stores keys and values in f32 wants f32.
  const bool fixed = isa >= Isa::avx512vnni && args.kv_type != KvType::f32;
  return fixed ? int16_tiles(args) : float_tiles(args, isa);
}

/// Computes tasks, one after the other, with its memory.
class TilesTask {
 public:
  TilesTask(const AttentionArgs& args, Isa isa)
      : args_(args), arithmetic_(choose_arithmetic(args, isa)), width_(static_cast<size_t>(arithmetic_->width())) {
    first_.resize(width_);
    last_.resize(width_);
    factors_.resize(width_);
    if (args.additive_mask != nullptr || args.bool_mask != nullptr) {
      bias_.resize(static_cast<size_t>(kTileKeys) * width_);
    }
  }

  /// Rows [begin, end) of a key head.
  void run(int64_t batch, int64_t kv_head, int64_t begin, int64_t end) {
    const auto width = static_cast<int64_t>(width_);
    tiles_.resize(static_cast<size_t>((end - begin + width - 1) / width));
    int64_t seen_first = args_.keys;
    int64_t seen_last = 0;
    for (size_t i = 0; i < tiles_.size(); ++i) {
      const int64_t row = begin + static_cast<int64_t>(i) * width;
      open_tile(tiles_[i], batch, kv_head, row, std::min(width, end - row));
      seen_first = std::min(seen_first, tiles_[i].seen_first);
      seen_last = std::max(seen_last, tiles_[i].seen_last);
    }
    // Blocks end at fixed places, so that each lies in one page.
    for (int64_t key = seen_first, count = 0; key < seen_last; key += count) {
      count = std::min(kTileKeys - key % kTileKeys, seen_last - key);
      arithmetic_->pack(attention_kv(args_, args_.k, args_.dim, batch, kv_head, key),
                        attention_kv(args_, args_.v, args_.value_dim, batch, kv_head, key), count);
      for (QueryTile& tile : tiles_) {
        // Keys behind those that a tile sees are left out.
        if (key + count > tile.seen_first) add_block(tile, key, std::min(count, tile.seen_last - key));
      }
    }
    for (size_t i = 0; i < tiles_.size(); ++i) {
      close_tile(tiles_[i], batch, kv_head, begin + static_cast<int64_t>(i) * width);
    }
  }

 private:
  void open_tile(QueryTile& tile, int64_t batch, int64_t kv_head, int64_t first_row, int64_t count) {
    tile.count = count;
    tile.out.assign(static_cast<size_t>(arithmetic_->value_rows()) * width_, 0.0f);
    tile.largest.assign(width_, -std::numeric_limits<float>::infinity());
    tile.sum.assign(width_, 0.0f);
    tile.first.assign(width_, 0);
    tile.last.assign(width_, 0);
    tile.masks.clear();
    tile.seen_first = args_.keys;
    tile.seen_last = 0;
    queries_.clear();
    for (int64_t i = 0; i < count; ++i) {
      const AttentionRow row = attention_row(args_, batch, kv_head, first_row + i);
      const auto [first, last] = visible_keys(args_, row.batch, row.query);
      tile.first[static_cast<size_t>(i)] = first;
      tile.last[static_cast<size_t>(i)] = last;
      tile.seen_first = std::min(tile.seen_first, first);
      tile.seen_last = std::max(tile.seen_last, last);
      tile.masks.push_back(attention_mask(args_, row, 0));
      queries_.push_back(attention_query(args_, row));
    }
    arithmetic_->open(tile, queries_);
  }

  void add_block(QueryTile& tile, int64_t key, int64_t count) {
    if (count <= 0) return;
    bool all_see_all = true;
    for (size_t i = 0; i < width_; ++i) {
      first_[i] = static_cast<float>(std::clamp<int64_t>(tile.first[i] - key, 0, count));
      last_[i] = static_cast<float>(std::clamp<int64_t>(tile.last[i] - key, 0, count));
      const bool is_query = i < static_cast<size_t>(tile.count);
      all_see_all = all_see_all && (!is_query || (tile.first[i] <= key && tile.last[i] >= key + count));
    }
    if (!bias_.empty()) gather_bias(tile, key, count);
    arithmetic_->attend(tile, count,
                        {.softcap = args_.softcap,
                         .bias = bias_.empty() ? nullptr : bias_.data(),
                         .first = all_see_all ? nullptr : first_.data(),
                         .last = all_see_all ? nullptr : last_.data()});
  }

  void gather_bias(const QueryTile& tile, int64_t key, int64_t count) {
    for (int64_t j = 0; j < count; ++j) {
      const int64_t at = (key + j) * args_.mask_strides[3];
      float* bias = bias_.data() + static_cast<size_t>(j) * width_;
      for (size_t i = 0; i < static_cast<size_t>(tile.count); ++i) {
        const AttentionMask& mask = tile.masks[i];
        const float hidden = -std::numeric_limits<float>::infinity();
        bias[i] = mask.additive ? mask.additive[at] : mask.allowed[at] ? 0.0f : hidden;
      }
    }
  }

  void close_tile(const QueryTile& tile, int64_t batch, int64_t kv_head, int64_t first_row) {
    outs_.clear();
    for (size_t i = 0; i < static_cast<size_t>(tile.count); ++i) {
      const AttentionRow row = attention_row(args_, batch, kv_head, first_row + static_cast<int64_t>(i));
      factors_[i] = attention_normalizer(args_, row.head, arithmetic_->largest(tile, i), tile.sum[i]);
      outs_.push_back(attention_out(args_, row));
    }
    arithmetic_->close(tile, factors_.data(), outs_);
  }

  const AttentionArgs& args_;
  std::unique_ptr<TileArithmetic> arithmetic_;
  size_t width_;
  AlignedVector<float> first_, last_, factors_, bias_;
  std::vector<const float*> queries_;
  std::vector<float*> outs_;
  std::vector<QueryTile> tiles_;
};

/// Tasks of one key head in an order in which many keys (the last rows of a causal prompt) and few alternate, so that
/// any stretch of tasks is about as much work as another.
int64_t alternating(int64_t i, int64_t tasks) {
  return i % 2 == 0 ? tasks - 1 - i / 2 : i / 2;
}

}  // namespace

TileArithmetic::TileArithmetic(const AttentionArgs& args, int width, int row_step)
    : args_(args),
      width_(width),
      value_rows_(round_up(args.value_dim, row_step)),
      key_rows_(round_up<int64_t>(kTileKeys, row_step)) {}

void attention_by_tiles(const AttentionArgs& args, ThreadPool& pool, Isa isa) {
  const int64_t rows = args.queries * attention_group(args);
  const int64_t width = choose_arithmetic(args, isa)->width();
  const int64_t heads = args.batch * args.kv_heads;
  // Enough tasks for every thread to have several.
  const int64_t fair = heads * ((rows + width - 1) / width) / (4 * pool.size());
  const int64_t task_rows = std::clamp<int64_t>(fair, 1, kTaskTiles) * width;
  const int64_t tasks = (rows + task_rows - 1) / task_rows;
  pool.parallel_for(heads * tasks, 1, [&](int64_t begin, int64_t end) {
    TilesTask task(args, isa);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / tasks;
      const int64_t first = alternating(i % tasks, tasks) * task_rows;
      task.run(head / args.kv_heads, head % args.kv_heads, first, std::min(rows, first + task_rows));
    }
  });
}

}  // namespace mica::cpu
