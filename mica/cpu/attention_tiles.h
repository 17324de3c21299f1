#pragma once

#include <memory>
#include <span>
#include <vector>

#include "mica/base/aligned_vector.h"
#include "mica/cpu/attention_parts.h"
#include "mica/ops/kv_format.h"

// Attention of many queries: attention_tiles.cpp walks over tiles of queries and blocks of keys, an arithmetic
// computes.

namespace mica::cpu {

/// Keys of a block, whose packed rows and scores stay in the second-level cache. A block lies in one page.
constexpr int64_t kTileKeys = 128;
static_assert(kKvPageTokens % kTileKeys == 0);

/// Rows of one key head that are computed together, and the state of their softmax. Matrices have a query a column.
struct QueryTile {
  int64_t count = 0;                 // queries; the columns behind are padding that sees nothing
  AlignedVector<std::byte> q;        // as the arithmetic stores it
  AlignedVector<float> q_scales;     // [width], if the arithmetic has them
  AlignedVector<float> out;          // [value rows][width]
  AlignedVector<float> largest;      // [width], a score or what the arithmetic turns it into
  AlignedVector<float> sum;          // [width]
  std::vector<int64_t> first, last;  // [width]: keys that a query sees
  std::vector<AttentionMask> masks;  // [count]
  int64_t seen_first = 0;            // keys that any query sees
  int64_t seen_last = 0;
};

/// How products and softmax of a tile are computed, with the memory that one thread needs for it.
class TileArithmetic {
 public:
  /// `width` queries a tile; keys of a block and value columns are filled up to multiples of `row_step`.
  TileArithmetic(const AttentionArgs& args, int width, int row_step);
  virtual ~TileArithmetic() = default;
  TileArithmetic(const TileArithmetic&) = delete;
  TileArithmetic& operator=(const TileArithmetic&) = delete;

  int64_t width() const { return width_; }
  int64_t value_rows() const { return value_rows_; }
  int64_t key_rows() const { return key_rows_; }

  /// Stores the queries, times the scale of the scores, in the tile.
  virtual void open(QueryTile& tile, std::span<const float* const> queries) = 0;
  /// Makes keys and values of `count` places, at most kTileKeys, the block that `attend` reads.
  virtual void pack(const KvRows& keys, const KvRows& values, int64_t count) = 0;
  /// Adds the first `count` keys of the block to the tile.
  virtual void attend(QueryTile& tile, int64_t count, const AttentionHiding& hiding) = 0;
  /// The largest score of a query of the tile.
  virtual float largest(const QueryTile& tile, size_t query) const = 0;
  /// Writes the tile's columns, times a factor each, as rows of the output.
  virtual void close(const QueryTile& tile, const float* factors, std::span<float* const> rows) = 0;

 protected:
  const AttentionArgs& args_;

 private:
  int64_t width_;
  int64_t value_rows_;
  int64_t key_rows_;
};

/// In f32, for keys and values of every type.
std::unique_ptr<TileArithmetic> float_tiles(const AttentionArgs& args, Isa isa);

/// In 16-bit fixed point (kernels/attention_int16.h); for Isa::avx512vnni and above.
std::unique_ptr<TileArithmetic> int16_tiles(const AttentionArgs& args);

}  // namespace mica::cpu
