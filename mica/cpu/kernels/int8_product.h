#pragma once

// Product of packed panels and int8 activations. For every group of columns
//   Σ value · x  =  scale · x_scale · Σ code · x_int8  +  bias · x_scale · Σ x_int8
// so that the inner loop is an integer dot product of codes as they come out of the weight stream.

#include "mica/cpu/kernels/panel_scales.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/store_rows.h"

namespace mica::cpu::MICA_ISA_NS {

/// Activation rows that run through the inner loop together: with 32 registers 12 sums of integers, 12 of floats and
/// the operands fit, with 16 registers 4. The reference is plain.
constexpr int kRowsAtOnce = F32::kLanes == 16 ? 12 : F32::kLanes == 8 ? 4 : 1;

/// Adds the dot products of the four quads of a chunk with M activation rows of a tile of Rows.
template <typename Code, int Rows, int M>
inline void add_chunk(const I32 (&quads)[4], const int8_t* x, I32 (&sums)[M]) {
  const auto dot = [](Partial sum, I32 codes, const int8_t* values) {
    return Code::kWide ? dot4_wide(sum, codes, values) : dot4(sum, codes, values);
  };
  if constexpr (kPartialIsExact) {
#pragma GCC unroll 4
    for (int quad = 0; quad < 4; ++quad) {
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) sums[m] = dot(sums[m], quads[quad], x + 4 * Rows * quad + 4 * m);
    }
  } else {
#pragma GCC unroll 4
    for (int first = 0; first < 4; first += Code::kFlush) {
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) {
        Partial partial(0);
#pragma GCC unroll 4
        for (int quad = first; quad < first + Code::kFlush; ++quad) {
          partial = dot(partial, quads[quad], x + 4 * Rows * quad + 4 * m);
        }
        sums[m] = flush(sums[m], partial);
      }
    }
  }
}

/// One block of rows of one panel times activation rows first_row … first_row + M − 1 of a tile of Rows.
template <typename Code, int Rows, int M>
inline void block_product(const PanelProduct& product, const Code& code, const uint8_t* panel, int block, int first_row,
                          F32 (&acc)[M]) {
  const PanelLayout& layout = *product.layout;
  const int8_t* x = static_cast<const int8_t*>(product.x) + 4 * first_row;
  const float* x_scales = product.x_scales + first_row;
  const float* x_sums = product.x_sums + first_row;
  const float offset = layout.offset - static_cast<float>(Code::kWide ? kDotBias : 0);
  const int chunks = product.step / 16;
  const int steps = layout.group / product.step;
  const int groups = layout.record / layout.group;
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) acc[m] = F32(0.0f);

  for (int record = 0; record < layout.records; ++record) {
    const RecordScales scales(layout, panel, block);
    panel += layout.scale_bytes;
    for (int group = 0; group < groups; ++group) {
      F32 scale, bias;
      scales.group(group, offset, scale, bias);
      for (int step = 0; step < steps; ++step) {
        I32 sums[M];
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m) sums[m] = I32(0);
        for (int chunk = 0; chunk < chunks; ++chunk) {
          I32 quads[4];
          code.unpack(panel, block, quads);
          add_chunk<Code, Rows>(quads, x, sums);
          panel += layout.chunk_bytes;
          x += 16 * Rows;
        }
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m) {
          acc[m] = fma(to_f32(sums[m]) * F32(x_scales[m]), scale, acc[m]);
          acc[m] = fma(F32(x_sums[m]), bias, acc[m]);
        }
        x_scales += Rows;
        x_sums += Rows;
      }
    }
  }
}

/// All panels times M rows of a tile of Rows.
template <typename Code, int Rows, int M>
void rows_product(const PanelProduct& product, int first_row) {
  const Code code(*product.layout);
  const int64_t panel_bytes = product.layout->panel_bytes();
  for (int64_t panel = 0; panel < product.panel_count; ++panel) {
    for (int block = 0; block < kBlocks; ++block) {
      const int64_t column = panel * kPanelRows + block * F32::kLanes;
      const int64_t columns = product.y_cols - column;
      if (columns <= 0) break;
      F32 acc[M];
      block_product<Code, Rows>(product, code, product.panels + panel * panel_bytes, block, first_row, acc);
      store_rows(product, acc, column, columns, first_row);
    }
  }
}

template <typename Code, int Rows>
void tile_rows_product(const PanelProduct& product) {
  constexpr int M = Rows < kRowsAtOnce ? Rows : kRowsAtOnce;
  for (int row = 0; row < Rows; row += M) rows_product<Code, Rows, M>(product, row);
}

template <typename Code>
void tile_product(const PanelProduct& product) {
  switch (product.rows) {
    case 12:
      return tile_rows_product<Code, 12>(product);
    case 8:
      return tile_rows_product<Code, 8>(product);
    case 4:
      return tile_rows_product<Code, 4>(product);
    case 2:
      return tile_rows_product<Code, 2>(product);
    case 1:
      return tile_rows_product<Code, 1>(product);
    default:
      return;
  }
}

void int8_product(const PanelProduct& product) {
  switch (product.layout->code) {
    case PanelCode::u2:
      return tile_product<CodeU2>(product);
    case PanelCode::u3:
      return tile_product<CodeU3>(product);
    case PanelCode::u4:
      return tile_product<CodeU4>(product);
    case PanelCode::u4_levels:
      return tile_product<CodeLevels>(product);
    case PanelCode::u5:
      return tile_product<CodeU5>(product);
    case PanelCode::u6:
      return tile_product<CodeU6>(product);
    case PanelCode::u8:
      return tile_product<CodeU8>(product);
    default:
      return;
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
