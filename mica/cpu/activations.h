#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "mica/base/function_ref.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/kernels/panel.h"
#include "mica/cpu/tiled_activations.h"
#include "mica/cpu/workspace.h"
#include "mica/ops/quant_format.h"

namespace mica::cpu {

/// What becomes of a row before it is copied: with a weight, x / √(mean x² + eps) · weight (fast::rms_norm).
struct RowNorm {
  const float* weight = nullptr;
  float eps = 0.0f;
};

/// The f32 input rows of one or more matrix products (q, k and v; gate and up), together with the copies of them that
/// the kernels read: made when a product first needs them, kept until the next assign, so that products of the same
/// input share them. Memory is reused from one assign to the next: a decode step allocates nothing.
///
/// Holds a pointer to the caller's rows, which must stay valid until the last product. One thread at a time.
class Activations {
 public:
  /// `count` rows of `cols` values; row i starts at x + i · stride. The norm's weight must stay valid as x.
  void assign(const float* x, int64_t count, int64_t cols, int64_t stride, const RowNorm& norm = {});

  /// Rows picked from x for a grouped product (mixture of experts): rows[0 … ends[0]) form the first group,
  /// rows[ends[0] … ends[1]) the second, and so on. A row may be in several groups; groups may be empty.
  /// An Error when `ends` does not ascend to rows.size().
  void gather(const float* x, int64_t cols, int64_t stride, std::span<const int32_t> rows,
              std::span<const int32_t> ends);

  /// Rows that run through one kernel call together: `count` (12, 8, 4, 2 or 1) of group `group`, from `first` on (in
  /// the order of the gathered rows).
  struct Tile {
    int64_t first = 0;
    int32_t count = 0;
    int32_t group = 0;
  };

  /// Rows of all tiles rounded to int8. Tile t, `count`
  /// rows high, has its data at first · padded columns: values [column / 4][count][4], scales and sums [step][count].
  /// Groups of 32 with outliers have a second digit for what the first leaves: those of a tile are
  /// rests[first · groups …], rest_counts[first] of them.
  struct Int8 {
    Rounding rounding;
    Workspace<int8_t> values;
    Workspace<float> scales;
    Workspace<float> sums;      ///< Σ of the quantized values of a step, times their scale
    Workspace<int32_t> totals;  ///< the same without the scale
    Workspace<int64_t> rest_counts;
    Workspace<Rest> rests;
    bool ready = false;
  };
  /// What starts() gives for one offset.
  struct Starts {
    int32_t offset = 0;
    Workspace<int32_t> values;
    bool ready = false;
  };

  int64_t count() const { return count_; }
  int64_t cols() const { return cols_; }
  /// cols rounded up to a multiple of 128, the largest group: where a tile's values end. Zeros fill the rest.
  int64_t padded_cols() const { return (cols_ + 127) / 128 * 128; }
  int64_t groups() const { return groups_; }
  std::span<const Tile> tiles() const { return tiles_; }
  /// √Σ x² of a row, normalized where rows are.
  float length(int64_t index) const;
  /// Tiles of one group: a range of indices into tiles().
  std::pair<int64_t, int64_t> group_tiles(int64_t group) const;

  /// The int8 copy of a rounding. Parallel when there is enough to do. Valid until the next assign.
  const Int8& int8(const Rounding& rounding, ThreadPool& pool);

  /// −offset · Σ of the quantized values, laid out like the sums of steps of 32: where dot products with codes that lie
  /// `offset` too high start. `copy` is one of this object's, in steps of 32. Valid until the next assign.
  const int32_t* starts(const Int8& copy, int32_t offset);

  /// The sums of steps of 32 rounded to bf16, those of two neighbouring steps in a word, the first one low: tile by
  /// tile [step / 2][count]. `copy` is one of this object's, in steps of 32. Valid until the next assign. Only on a CPU
  /// of Isa::avx512bf16.
  const uint32_t* sum_pairs(const Int8& copy);

  /// The copy rounded to bf16, tile by tile: pairs [column / 2][count] from first · padded columns / 2 on. Only on a
  /// CPU of Isa::avx512bf16.
  const uint32_t* bf16(ThreadPool& pool);

  /// The f32 copy, tile by tile as the kernels read it: [column][count] from first · padded columns on.
  const float* exact(ThreadPool& pool);

  /// The rows in tiles of a matrix unit, and the copies that its kernels read.
  const TiledActivations& tiled();
  const TiledActivations::Int8& tiled_int8(const Rounding& rounding, ThreadPool& pool);
  const uint32_t* tiled_bf16(ThreadPool& pool);

 private:
  void reset(const float* x, int64_t cols, int64_t stride);
  void for_tiles(ThreadPool& pool, FunctionRef<void(const Tile&)> body);
  void split(int32_t group, int64_t begin, int64_t end);
  /// A row as it is copied; it stays there until the thread asks for another one in this slot of a tile.
  const float* row(int64_t index, int64_t slot) const;

  const float* x_ = nullptr;
  RowNorm norm_;
  int64_t count_ = 0;
  int64_t cols_ = 0;
  int64_t stride_ = 0;
  int64_t groups_ = 0;
  std::vector<int32_t> rows_;  // empty: rows in their order
  std::vector<Tile> tiles_;
  std::vector<int64_t> group_begin_;  // first tile of every group, and the end
  std::deque<Int8> int8_;             // of each rounding that was asked for; stays where it is
  std::vector<Starts> starts_;
  Workspace<uint32_t> sum_pairs_;
  Workspace<uint32_t> bf16_;
  Workspace<float> exact_;
  bool sum_pairs_ready_ = false;
  bool bf16_ready_ = false;
  bool exact_ready_ = false;
  TiledActivations tiled_;
};

}  // namespace mica::cpu
