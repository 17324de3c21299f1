#pragma once

#include "mica/cpu/kernels/store_rows.h"
#include "mica/cpu/kernels/tile_product.h"

namespace mica::cpu::MICA_ISA_NS {

/// Output of panel `panel` of a product and the rows of its tile of activations `tile`.
inline void store_tile(const TileProduct& product, int64_t tile, int64_t panel,
                       const float (&sums)[kTileHeight][kPanelRows]) {
  const int64_t first = tile * kTileHeight;
  const int64_t column = panel * kPanelRows;
  if (column >= product.y_cols) return;
  PanelProduct part = product;
  part.y += first * product.y_stride;
  if (part.residual) part.residual += first * product.y_stride;
  const int64_t left = product.rows - first;
  store_rows(part, static_cast<int>(left < kTileHeight ? left : kTileHeight), sums[0], kPanelRows, column,
             product.y_cols - column);
}

}  // namespace mica::cpu::MICA_ISA_NS
