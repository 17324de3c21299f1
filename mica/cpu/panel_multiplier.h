#pragma once

#include <cstdint>

#include "mica/base/thread_pool.h"
#include "mica/cpu/activations.h"
#include "mica/cpu/kernel_level.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/packed_matrix.h"
#include "mica/cpu/panel_order.h"

namespace mica::cpu {

/// Where a product goes: y = residual + scale · (product + bias), or product + bias.
struct Target {
  float* y = nullptr;
  int64_t stride = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;
  float scale = 1.0f;
};

/// A range of the tiles of the activations.
struct Tiles {
  int64_t begin = 0;
  int64_t end = 0;
};

/// A packed weight and the form of the activations that its kernel reads: multiplies some panels with some tiles of
/// rows at a time. Both must outlive it.
class PanelMultiplier {
 public:
  PanelMultiplier(const PackedMatrix& weights, Activations& x, ThreadPool& pool, Activation activation,
                  const KernelLevel& level);

  /// Multiplications in all.
  int64_t work() const { return weights_->slice_rows() * weights_->cols() * x_->count(); }
  int64_t panels() const { return weights_->panels_per_slice(); }
  /// Columns of the product from a panel on.
  int64_t columns_from(int64_t panel) const { return weights_->slice_rows() - panel * kPanelRows; }

  /// Panels of a slice times tiles of rows, as many of both as the kernel takes at once; y, its bias and its residual
  /// are those of the first row and the first panel.
  void multiply(int64_t slice, PanelRange panels, Tiles tiles, const Target& y) const;

  bool is_tiled() const { return tiled_ != nullptr; }
  int64_t tile_count() const { return static_cast<int64_t>(tiled_ ? tiled_->tiles().size() : x_->tiles().size()); }
  Tiles group_tiles(int64_t group) const;
  int64_t first_row(int64_t tile) const;

  /// Rows of a range of tiles of one group.
  int32_t rows_of(Tiles tiles) const;

  /// Where the tiles end that a call of the kernel takes from `tile` on, of those before `end`.
  int64_t call_end(int64_t tile, int64_t end) const;

  /// Tiles of a part of the rows that is worth a thread of its own.
  int64_t tiles_of_part() const;

  /// Panels that it takes, or whose codes stay in the second-level cache.
  int64_t panels_at_once() const;

 private:
  using Kernel = void (*)(const PanelProduct&);
  using TileKernel = void (*)(const TileProduct&);

  template <typename Int8>
  void set_int8(PanelProduct& product, const Int8& copy, int64_t before) const;

  const PackedMatrix* weights_;
  Activations* x_;
  Kernel kernel_ = nullptr;
  TileKernel tile_kernel_ = nullptr;
  int step_ = 0;
  const Activations::Int8* int8_ = nullptr;
  const TiledActivations* tiled_ = nullptr;
  const TiledActivations::Int8* tiled_int8_ = nullptr;
  const int32_t* starts_ = nullptr;
  const uint32_t* pairs_ = nullptr;
  const uint32_t* bf16_ = nullptr;
  const float* exact_ = nullptr;
};

/// The level for two weights whose products read the same tiles of activations: below Isa::amx where only one of them
/// would read those of a matrix unit.
KernelLevel common_level(const PanelLayout& a, const PanelLayout& b, const Activations& x, Activation activation,
                         const KernelLevel& level);

}  // namespace mica::cpu
