#pragma once

// The loops around a product of packed panels: all panels, blocks of columns, and the activation rows of a tile. How a
// block's sums are made is the Block's part: int8_product.h, exact_product.simd.cpp.

#include "mica/cpu/kernels/panel_codes.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/store_rows.h"

namespace mica::cpu::MICA_ISA_NS {

/// Activation rows that run through the inner loop together: with 32 registers 12 sums (of integers as well as of
/// floats) and the operands fit, with 16 registers 4. The reference is plain.
constexpr int kRowsAtOnce = F32::kLanes == 16 ? 12 : F32::kLanes == 8 ? 4 : 1;

/// All panels times M rows of a tile of Rows. A Block is made for a layout, and
/// block.template product<Rows>(product, panel, block_index, first_row, sums) gives the sums of one block of columns of
/// one panel with the activation rows first_row … first_row + M − 1.
template <typename Block, int Rows, int M>
void rows_product(const PanelProduct& product, int first_row) {
  Block weights(*product.layout);
  const int64_t panel_bytes = product.layout->panel_bytes();
  for (int64_t panel = 0; panel < product.panel_count; ++panel) {
    for (int block = 0; block < kBlocks; ++block) {
      const int64_t column = panel * kPanelRows + block * F32::kLanes;
      const int64_t columns = product.y_cols - column;
      if (columns <= 0) break;
      F32 acc[M];
      weights.template product<Rows>(product, product.panels + panel * panel_bytes, block, first_row, acc);
      store_rows(product, acc, column, columns, first_row);
    }
  }
}

template <typename Block, int Rows>
void tile_rows_product(const PanelProduct& product) {
  constexpr int M = Rows < kRowsAtOnce ? Rows : kRowsAtOnce;
  for (int row = 0; row < Rows; row += M) rows_product<Block, Rows, M>(product, row);
}

/// The product for a tile of 12, 8, 4, 2 or 1 rows (tile heights: activations.h).
template <typename Block>
void tile_product(const PanelProduct& product) {
  switch (product.rows) {
    case 12:
      return tile_rows_product<Block, 12>(product);
    case 8:
      return tile_rows_product<Block, 8>(product);
    case 4:
      return tile_rows_product<Block, 4>(product);
    case 2:
      return tile_rows_product<Block, 2>(product);
    case 1:
      return tile_rows_product<Block, 1>(product);
    default:
      return;
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
