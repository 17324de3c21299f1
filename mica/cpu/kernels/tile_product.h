#pragma once

#include "mica/cpu/kernels/products.h"

namespace mica::cpu {

/// Rows of activations in a tile of a matrix unit, and what the kernels that compute with one take at a time at most.
constexpr int kTileHeight = 16;
constexpr int kMostTiles = 32;
constexpr int kMostTilePanels = 8;

/// Work of one call of a kernel of tiles: at most kMostTilePanels panels times `rows` rows, which fill consecutive
/// tiles of TiledActivations, at most kMostTiles. x, x_scales and x_sums are those of the first; in int8 `tile_rests`
/// takes the place of `rests`.
struct TileProduct : PanelProduct {
  int64_t tile_cols = 0;                              ///< columns of a tile of x
  const int32_t* tile_totals = nullptr;               ///< Σ of a step's int8 values, as x_sums
  const std::span<const Rest>* tile_rests = nullptr;  ///< of each tile, by ascending group

  int64_t tiles() const { return (rows + kTileHeight - 1) / kTileHeight; }
};

}  // namespace mica::cpu
