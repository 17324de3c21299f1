// Product of packed panels and f32 activations: weights become f32 in registers, sums are f32.

#include "mica/cpu/kernels/panel_columns.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/kernels/store_rows.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kRowsAtOnce = F32::kLanes == 16 ? 12 : F32::kLanes == 8 ? 4 : 1;

/// Sums that every activation row is spread over: few rows need several to hide the latency of an addition.
template <int M>
constexpr int kSplit = M >= 4 || F32::kLanes == 4 ? 1 : 4;

template <typename Columns, int Rows, int M>
inline void block_product(const PanelProduct& product, Columns& weights, const uint8_t* panel, int block, int first_row,
                          F32 (&acc)[M]) {
  constexpr int split = kSplit<M>;
  const PanelLayout& layout = *product.layout;
  const float* x = static_cast<const float*>(product.x) + first_row;
  const int groups = layout.record / layout.group;
  const int chunks = layout.group / 16;
  F32 sums[M][split];
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 4
    for (int i = 0; i < split; ++i) sums[m][i] = F32(0.0f);
  }
  for (int record = 0; record < layout.records; ++record) {
    const RecordScales scales(layout, panel, block);
    panel += layout.scale_bytes;
    for (int group = 0; group < groups; ++group) {
      F32 scale, bias;
      scales.group(group, layout.offset, scale, bias);
      for (int chunk = 0; chunk < chunks; ++chunk) {
        weights.open(panel, block);
        panel += layout.chunk_bytes;
#pragma GCC unroll 4
        for (int quad = 0; quad < 4; ++quad) {
          F32 columns[4];
          weights.quad(quad, scale, bias, columns);
#pragma GCC unroll 4
          for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 12
            for (int m = 0; m < M; ++m) sums[m][i % split] = fma(columns[i], F32(x[m]), sums[m][i % split]);
            x += Rows;
          }
        }
      }
    }
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) {
    acc[m] = sums[m][0];
#pragma GCC unroll 4
    for (int i = 1; i < split; ++i) acc[m] = acc[m] + sums[m][i];
  }
}

/// All panels times M rows of a tile of Rows.
template <typename Columns, int Rows, int M>
void rows_product(const PanelProduct& product, int first_row) {
  Columns weights(*product.layout);
  const int64_t panel_bytes = product.layout->panel_bytes();
  for (int64_t panel = 0; panel < product.panel_count; ++panel) {
    for (int block = 0; block < kBlocks; ++block) {
      const int64_t column = panel * kPanelRows + block * F32::kLanes;
      const int64_t columns = product.y_cols - column;
      if (columns <= 0) break;
      F32 acc[M];
      block_product<Columns, Rows>(product, weights, product.panels + panel * panel_bytes, block, first_row, acc);
      store_rows(product, acc, column, columns, first_row);
    }
  }
}

template <typename Columns, int Rows>
void tile_rows_product(const PanelProduct& product) {
  constexpr int M = Rows < kRowsAtOnce ? Rows : kRowsAtOnce;
  for (int row = 0; row < Rows; row += M) rows_product<Columns, Rows, M>(product, row);
}

template <typename Columns>
void tile_product(const PanelProduct& product) {
  switch (product.rows) {
    case 12:
      return tile_rows_product<Columns, 12>(product);
    case 8:
      return tile_rows_product<Columns, 8>(product);
    case 4:
      return tile_rows_product<Columns, 4>(product);
    case 2:
      return tile_rows_product<Columns, 2>(product);
    case 1:
      return tile_rows_product<Columns, 1>(product);
    default:
      return;
  }
}

}  // namespace

void exact_product(const PanelProduct& product) {
  switch (product.layout->code) {
    case PanelCode::u2:
      return tile_product<CodeColumns<CodeU2>>(product);
    case PanelCode::u3:
      return tile_product<CodeColumns<CodeU3>>(product);
    case PanelCode::u4:
      return tile_product<CodeColumns<CodeU4>>(product);
    case PanelCode::u4_levels:
      return tile_product<CodeColumns<CodeLevels>>(product);
    case PanelCode::u5:
      return tile_product<CodeColumns<CodeU5>>(product);
    case PanelCode::u6:
      return tile_product<CodeColumns<CodeU6>>(product);
    case PanelCode::u8:
      return tile_product<CodeColumns<CodeU8>>(product);
    case PanelCode::e4m3:
      return tile_product<E4m3Columns>(product);
    case PanelCode::bf16:
      return tile_product<Bf16Columns>(product);
    case PanelCode::f16:
      return tile_product<F16Columns>(product);
    case PanelCode::f32:
      return tile_product<F32Columns>(product);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
