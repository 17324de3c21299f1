#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "mica/base/function_ref.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/kernels/tile_product.h"
#include "mica/cpu/workspace.h"

namespace mica::cpu {

/// Copies of the rows of Activations as the operands of a matrix unit: tiles of 16 rows of one group, the last of a
/// group filled up with rows that mean nothing. Columns are padded with zeros to a multiple of 128.
class TiledActivations {
 public:
  /// Up to 16 rows of a group from row `first` on (in the order of the gathered rows).
  struct Tile {
    int64_t first = 0;
    int32_t count = 0;
  };

  /// Tile t has its values from t · 16 · padded columns on: [column / 32][16][32]; scales and sums from
  /// t · 16 · padded columns / step on: [step][16]. What they are: Activations::Int8.
  struct Int8 {
    Rounding rounding;
    Workspace<int8_t> values;
    Workspace<float> scales;
    Workspace<float> sums;
    Workspace<int32_t> totals;
    std::vector<std::vector<Rest>> rests;            ///< of every tile, by ascending group
    std::vector<std::span<const Rest>> rests_views;  ///< of the same
    bool ready = false;
  };

  using RowAt = FunctionRef<const float*(int64_t)>;
  using Quantizer = int64_t (*)(const TileQuantization&);

  /// Forgets the copies.
  void clear();

  /// Divides the rows of groups into tiles: group g ends before row ends[g].
  void split(std::span<const int64_t> ends, int64_t cols, int64_t padded_cols);
  bool is_split() const { return !group_begin_.empty(); }

  std::span<const Tile> tiles() const { return tiles_; }
  std::pair<int64_t, int64_t> group_tiles(int64_t group) const;

  /// Rounded to int8. Valid until the next clear.
  const Int8& int8(const Rounding& rounding, RowAt row, Quantizer quantizer, ThreadPool& pool);

  /// Rounded to bf16, words of two columns: [column / 32][16][16] from t · 16 · padded columns / 2 on. Only on a CPU of
  /// Isa::avx512bf16.
  const uint32_t* bf16(RowAt row, ThreadPool& pool);

 private:
  void quantize(int64_t index, RowAt row, Quantizer quantizer, Int8& copy) const;
  void for_tiles(ThreadPool& pool, FunctionRef<void(int64_t)> body) const;

  int64_t cols_ = 0;
  int64_t padded_ = 0;
  std::vector<Tile> tiles_;
  std::vector<int64_t> group_begin_;  // first tile of every group, and the end
  std::deque<Int8> int8_;             // of each rounding that was asked for; stays where it is
  Workspace<uint32_t> bf16_;
  bool bf16_ready_ = false;
};

}  // namespace mica::cpu
