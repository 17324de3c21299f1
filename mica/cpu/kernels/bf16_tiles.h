#pragma once

// Product of packed panels and activations rounded to bfloat16 by bfloat16 tiles, for the rows of TiledActivations:
// a block of two panels becomes bfloat16 in the first-level cache, and all rows pass it.

#include "mica/cpu/kernels/bf16_block.h"
#include "mica/cpu/kernels/store_tiles.h"
#include "mica/cpu/kernels/tile_config.h"

namespace mica::cpu::MICA_ISA_NS {

using TileSums = float[kTileHeight][kPanelRows];

/// What a block of columns of P panels is multiplied with: M tiles of activation rows from the block's first column on,
/// [column / 32][row][32], `stride` values apart.
struct Bf16Rows {
  const uint16_t* values;
  int64_t stride;
};

/// Two panels and two tiles of rows keep four tiles of sums (0 … 3) busy with two of activations (4, 5) and two of
/// weights (6, 7): half a load for every product. The sums of panel p are from sums[p] on, a tile each.
template <int P, int M, typename Unit>
void add_block(Unit& unit, const Bf16Block* blocks, int64_t cols, const Bf16Rows& rows, TileSums* const (&sums)[P]) {
  constexpr int64_t kRowBytes = 4 * kPanelRows;
  unit.template load<0>(sums[0][0], kRowBytes);
  if constexpr (P == 2) unit.template load<1>(sums[1][0], kRowBytes);
  if constexpr (M == 2) unit.template load<2>(sums[0][1], kRowBytes);
  if constexpr (P == 2 && M == 2) unit.template load<3>(sums[1][1], kRowBytes);
  for (int64_t column = 0; column < cols; column += 32) {
    const uint16_t* x = rows.values + column * kTileHeight;
    unit.template load<6>(blocks[0].pairs[column / 2], kRowBytes);
    unit.template load<4>(x, kRowBytes);
    unit.template add_bf16<0, 4, 6>();
    if constexpr (P == 2) {
      unit.template load<7>(blocks[1].pairs[column / 2], kRowBytes);
      unit.template add_bf16<1, 4, 7>();
    }
    if constexpr (M == 2) {
      unit.template load<5>(x + rows.stride, kRowBytes);
      unit.template add_bf16<2, 5, 6>();
    }
    if constexpr (P == 2 && M == 2) unit.template add_bf16<3, 5, 7>();
  }
  unit.template store<0>(sums[0][0], kRowBytes);
  if constexpr (P == 2) unit.template store<1>(sums[1][0], kRowBytes);
  if constexpr (M == 2) unit.template store<2>(sums[0][1], kRowBytes);
  if constexpr (P == 2 && M == 2) unit.template store<3>(sums[1][1], kRowBytes);
}

/// P panels from `panel` on times all tiles of rows, columns [column, column + count).
template <int P, typename Unit>
void add_panels(Unit& unit, const TileProduct& product, int64_t panel, int64_t column, int64_t count, Bf16Block* blocks,
                TileSums (*sums)[kMostTiles]) {
  const PanelLayout& layout = *product.layout;
  for (int p = 0; p < P; ++p) {
    open_bf16(layout, product.panels + (panel + p) * layout.panel_bytes(), column, count, blocks[p]);
  }
  const int64_t tiles = product.tiles();
  Bf16Rows rows = {static_cast<const uint16_t*>(product.x) + column * kTileHeight, product.tile_cols * kTileHeight};
  for (int64_t tile = 0; tile < tiles; tile += 2, rows.values += 2 * rows.stride) {
    TileSums* of_panels[P];
    for (int p = 0; p < P; ++p) of_panels[p] = sums[panel + p] + tile;
    if (tile + 1 < tiles) {
      add_block<P, 2>(unit, blocks, count, rows, of_panels);
    } else {
      add_block<P, 1>(unit, blocks, count, rows, of_panels);
    }
  }
}

template <typename Unit>
void bf16_tiles_product(const TileProduct& product) {
  alignas(64) TileSums sums[kMostTilePanels][kMostTiles];
  Bf16Block blocks[2];
  const int64_t cols = int64_t{product.layout->records} * product.layout->record;
  const int64_t tiles = product.tiles();
  const int64_t panels = product.panel_count;
  for (int64_t panel = 0; panel < panels; ++panel) {
    __builtin_memset(sums[panel], 0, static_cast<size_t>(tiles) * sizeof sums[0][0]);
  }
  {
    Unit unit(TileConfig::whole());
    // Columns outermost: the activations' part stays in the second-level cache while all panels pass.
    for (int64_t column = 0; column < cols; column += kBf16BlockColumns) {
      const int64_t count = cols - column < kBf16BlockColumns ? cols - column : kBf16BlockColumns;
      int64_t panel = 0;
      for (; panel + 2 <= panels; panel += 2) add_panels<2>(unit, product, panel, column, count, blocks, sums);
      if (panel < panels) add_panels<1>(unit, product, panel, column, count, blocks, sums);
    }
  }
  for (int64_t panel = 0; panel < panels; ++panel) {
    for (int64_t tile = 0; tile < tiles; ++tile) store_tile(product, tile, panel, sums[panel][tile]);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
