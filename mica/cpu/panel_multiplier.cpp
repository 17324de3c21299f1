#include "mica/cpu/panel_multiplier.h"

#include <algorithm>
#include <span>

namespace mica::cpu {
namespace {

using Kernel = void (*)(const PanelProduct&);

/// Panels that stay in the second-level cache while all tiles of rows pass over them.
constexpr int64_t kPanelBlockBytes = 256 << 10;

/// Tiles of rows that a thread passes over a panel at least: it comes from the third-level cache or from memory.
constexpr int64_t kTilesOfPart = 4;
/// Where it must be made ready for a matrix unit, too.
constexpr int64_t kTilesOfUnitPart = 8;

/// The copy of the activations that a product reads.
enum class Copy { int8, bf16, exact, tiled_int8, tiled_bf16 };

bool reads_tiles(Copy copy) {
  return copy >= Copy::tiled_int8;
}

/// Rows from which on a matrix unit takes weights as bf16: cycles a weight are 0.15 + rows / 450, in int8 0.04 + rows /
/// 240 (120 with steps of 16 columns), since the sums of a step are scaled by 4 operations for 16 of them, two a cycle;
/// with VNNI rows / 85. Tiles are counted as Sapphire Rapids has them, the rest was measured on Zen 4.
int64_t rows_for_bf16(const PanelLayout& layout) {
  return layout.group < kActivationGroup ? 24 : 64;
}

Copy choose_copy(const PanelLayout& layout, const Activations& x, Activation activation, const KernelLevel& level) {
  if (activation == Activation::exact) return Copy::exact;
  const int64_t rows = x.count() / std::max<int64_t>(1, x.groups());
  const bool tiled = level.isa >= Isa::amx && rows >= kTileHeight;
  if (layout.code <= PanelCode::u8) {
    if (!tiled) return Copy::int8;
    return rows < rows_for_bf16(layout) ? Copy::tiled_int8 : Copy::tiled_bf16;
  }
  if (tiled && layout.code <= PanelCode::bf16) return Copy::tiled_bf16;
  return layout.code == PanelCode::bf16 && level.isa >= Isa::avx512bf16 ? Copy::bf16 : Copy::exact;
}

/// Whether biases are added by pairs.
bool adds_pairs(const PanelLayout& layout, Isa isa) {
  return isa >= Isa::avx512bf16 && layout.is_direct() && layout.has_bias;
}

Kernel choose_kernel(Copy copy, const PanelLayout& layout, Isa isa) {
  if (copy == Copy::bf16) return avx512bf16::bf16_product;
  if (copy == Copy::exact) {
    if (isa >= Isa::avx512) return avx512::exact_product;
    return isa == Isa::avx2 ? avx2::exact_product : reference::exact_product;
  }
  if (copy == Copy::int8 && adds_pairs(layout, isa)) return avx512bf16::biased_int8_product;
  if (isa >= Isa::avx512vnni) return avx512vnni::int8_product;
  if (isa == Isa::avx512) return avx512::int8_product;
  return isa == Isa::avx2 ? avx2::int8_product : reference::int8_product;
}

/// How activations are rounded for weights of a layout: as finely as the quality of the format asks for. A scale for 64
/// activations would be less arithmetic, but is too coarse; few levels of affine weights leave little to be lost
/// (docs/performance.md, Quality).
Rounding rounding_for(const PanelLayout& layout) {
  Rounding out{.step = std::min<int>(layout.group, kActivationGroup), .limit = 7.0f};
  if (layout.scale < PanelScale::two_level && layout.code_bits() <= 3)
    out.limit = layout.code_bits() == 3 ? 4.0f : 0.0f;
  return out;
}

}  // namespace

PanelMultiplier::PanelMultiplier(const PackedMatrix& weights, Activations& x, ThreadPool& pool, Activation activation,
                                 const KernelLevel& level)
    : weights_(&weights), x_(&x) {
  const PanelLayout& layout = weights.layout();
  const Copy copy = choose_copy(layout, x, activation, level);
  const Rounding rounding = rounding_for(layout);
  step_ = rounding.step;
  if (reads_tiles(copy)) {
    tiled_ = &x.tiled();
    tile_kernel_ = copy == Copy::tiled_int8 ? level.tiles->int8_product : level.tiles->bf16_product;
  } else {
    kernel_ = choose_kernel(copy, layout, level.isa);
  }
  switch (copy) {
    case Copy::int8:
      int8_ = &x.int8(rounding, pool);
      if (adds_pairs(layout, level.isa)) pairs_ = x.sum_pairs(*int8_);
      if (pairs_ || layout.is_symmetric()) starts_ = x.starts(*int8_, layout.centre());
      break;
    case Copy::tiled_int8:
      tiled_int8_ = &x.tiled_int8(rounding, pool);
      break;
    case Copy::tiled_bf16:
      bf16_ = x.tiled_bf16(pool);
      break;
    case Copy::bf16:
      bf16_ = x.bf16(pool);
      break;
    case Copy::exact:
      exact_ = x.exact(pool);
      break;
  }
}

template <typename Int8>
void PanelMultiplier::set_int8(PanelProduct& product, const Int8& copy, int64_t before) const {
  const int64_t steps = before * (x_->padded_cols() / step_);
  product.x = copy.values.data() + before * x_->padded_cols();
  product.x_scales = copy.scales.data() + steps;
  product.x_sums = copy.sums.data() + steps;
}

void PanelMultiplier::multiply(int64_t slice, PanelRange panels, Tiles tiles, const Target& y) const {
  TileProduct product{{.layout = &weights_->layout(),
                       .panels = weights_->panel(slice, panels.first),
                       .panel_count = panels.count,
                       .rows = rows_of(tiles),
                       .step = step_,
                       .y = y.y,
                       .y_stride = y.stride,
                       .y_cols = columns_from(panels.first),
                       .bias = y.bias,
                       .residual = y.residual,
                       .scale = y.scale,
                       .factor = weights_->factor()},
                      x_->padded_cols()};
  const int64_t padded = product.tile_cols;
  // Rows that the copy has before those.
  const int64_t before = tiled_ ? tiles.begin * kTileHeight : first_row(tiles.begin);
  if (tiled_int8_) {
    set_int8(product, *tiled_int8_, before);
    product.tile_totals = tiled_int8_->totals.data() + before * (padded / step_);
    product.tile_rests = tiled_int8_->rests_views.data() + tiles.begin;
  } else if (int8_) {
    set_int8(product, *int8_, before);
    if (starts_) product.x_starts = starts_ + before * (padded / step_);
    if (pairs_) product.x_pairs = pairs_ + before * (padded / step_) / 2;
    product.rests = {int8_->rests.data() + before * (padded / kActivationGroup),
                     static_cast<size_t>(int8_->rest_counts.data()[before])};
  } else if (bf16_) {
    product.x = bf16_ + before * padded / 2;
  } else {
    product.x = exact_ + before * padded;
  }
  tiled_ ? tile_kernel_(product) : kernel_(product);
}

Tiles PanelMultiplier::group_tiles(int64_t group) const {
  const auto [begin, end] = tiled_ ? tiled_->group_tiles(group) : x_->group_tiles(group);
  return {begin, end};
}

int64_t PanelMultiplier::first_row(int64_t tile) const {
  const auto index = static_cast<size_t>(tile);
  return tiled_ ? tiled_->tiles()[index].first : x_->tiles()[index].first;
}

int32_t PanelMultiplier::rows_of(Tiles tiles) const {
  const auto last = static_cast<size_t>(tiles.end - 1);
  const int32_t count = tiled_ ? tiled_->tiles()[last].count : x_->tiles()[last].count;
  return static_cast<int32_t>(first_row(tiles.end - 1) - first_row(tiles.begin)) + count;
}

int64_t PanelMultiplier::call_end(int64_t tile, int64_t end) const {
  if (!tiled_) return tile + 1;
  const std::span tiles = tiled_->tiles();
  const int64_t last = std::min(end, tile + kMostTiles) - 1;
  // The next group starts behind a tile that is not full.
  while (tile < last && tiles[static_cast<size_t>(tile)].count == kTileHeight) ++tile;
  return tile + 1;
}

int64_t PanelMultiplier::tiles_of_part() const {
  return tiled_ ? kTilesOfUnitPart : kTilesOfPart;
}

int64_t PanelMultiplier::panels_at_once() const {
  if (tiled_) return kMostTilePanels;
  return std::max<int64_t>(1, kPanelBlockBytes / std::max<int64_t>(1, weights_->layout().panel_bytes()));
}

KernelLevel common_level(const PanelLayout& a, const PanelLayout& b, const Activations& x, Activation activation,
                         const KernelLevel& level) {
  const bool same =
      reads_tiles(choose_copy(a, x, activation, level)) == reads_tiles(choose_copy(b, x, activation, level));
  return same ? level : KernelLevel(Isa::avx512bf16);
}

}  // namespace mica::cpu
