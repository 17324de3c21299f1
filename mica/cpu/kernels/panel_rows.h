#pragma once

// The loops around a product of packed panels: all panels, blocks of columns, and the activation rows of a tile. How a
// block's sums are made is the Block's part: int8_product.h, bf16_product_avx512bf16.cpp, exact_product.simd.cpp.

#include "mica/cpu/kernels/panel_codes.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/store_rows.h"

namespace mica::cpu::MICA_ISA_NS {

/// Activation rows that run through the inner loop together: with 32 registers 12 sums (of integers as well as of
/// floats) and the operands fit, with 16 registers 4. The reference is plain.
constexpr int kRowsAtOnce = F32::kLanes == 16 ? 12 : F32::kLanes == 8 ? 4 : 1;

/// Brings the panels behind the present ones into the first-level cache, as many bytes as are read meanwhile: the
/// hardware stops at every 4 KiB, and with several rows there is time (4 rows take half as long with it, 12 some 3 %
/// less, although they come from the second level). One row reads memory faster without.
template <int Rows>
struct Prefetch {
  const uint8_t* at;

  void fetch(int bytes) {
    if constexpr (Rows > 1) {
      for (int i = 0; i < bytes; i += 64) __builtin_prefetch(at + i);
      at += bytes;
    }
  }
};

/// Panels [panel, panel + P) times a tile of Rows, M of them at a time: the panels stay in the first-level cache. A
/// Block is made for a layout; block.template product<Rows>(product, panels, block_index, first_row, sums) gives the
/// sums of one block of columns of P panels with the activation rows first_row … first_row + M − 1, and
/// block.add_rests(product, panel, block_index, sums, stride) adds those of PanelProduct::rests.
template <typename Block, int Rows, int P, int M>
inline void panels_product(const PanelProduct& product, Block& weights, int64_t panel) {
  const uint8_t* panels = product.panels + panel * product.layout->panel_bytes();
  if (Rows > 1) fetch_rows(product, Rows, panel * kPanelRows, P * kPanelRows);
  alignas(64) float sums[Rows][P * kPanelRows];
  for (int row = 0; row < Rows; row += M) {
    for (int block = 0; block < kBlocks; ++block) {
      F32 acc[P][M];
      weights.template product<Rows>(product, panels, block, row, acc);
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m) acc[p][m].store(&sums[row + m][p * kPanelRows + block * F32::kLanes]);
      }
    }
  }
  for (int p = 0; p < P; ++p) {
    for (int block = 0; block < kBlocks; ++block) {
      const int64_t column = (panel + p) * kPanelRows + block * F32::kLanes;
      if (column >= product.y_cols) return;
      float* block_sums = &sums[0][p * kPanelRows + block * F32::kLanes];
      if (!product.rests.empty()) {
        weights.add_rests(product, panels + p * product.layout->panel_bytes(), block, block_sums, P * kPanelRows);
      }
      store_rows(product, Rows, block_sums, P * kPanelRows, column, product.y_cols - column);
    }
  }
}

/// All panels: in groups where there are few rows, so that there are enough sums to hide what a product takes.
template <typename Block, int Rows>
void tile_rows_product(const PanelProduct& product) {
  Block weights(*product.layout);
  int64_t panel = 0;
  if constexpr (constexpr int P = Block::kPanelsAtOnce; P > 1 && Rows > 1 && P * Rows <= kRowsAtOnce) {
    for (; panel + P <= product.panel_count; panel += P) panels_product<Block, Rows, P, Rows>(product, weights, panel);
  }
  constexpr int M = Rows < kRowsAtOnce ? Rows : kRowsAtOnce;
  for (; panel < product.panel_count; ++panel) panels_product<Block, Rows, 1, M>(product, weights, panel);
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
