// Product of packed panels and f32 activations: weights become f32 in registers, sums are f32.

#include "mica/cpu/kernels/panel_columns.h"
#include "mica/cpu/kernels/panel_rows.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

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

template <typename Columns>
struct ExactBlock {
  Columns weights;
  explicit ExactBlock(const PanelLayout& layout) : weights(layout) {}

  static constexpr int kPanelsAtOnce = 1;

  template <int Rows, int M>
  void product(const PanelProduct& product, const uint8_t* panel, int block, int first_row, F32 (&acc)[1][M]) {
    block_product<Columns, Rows>(product, weights, panel, block, first_row, acc[0]);
  }

  /// Activations in f32 leave nothing.
  static void add_rests(const PanelProduct&, const uint8_t*, int, float*, int) {}
};

}  // namespace

void exact_product(const PanelProduct& product) {
  const PanelCode code = product.layout->code;
  const auto run = [&]<typename Code>() { tile_product<ExactBlock<CodeColumns<Code>>>(product); };
  if (with_code(code, run)) return;
  switch (code) {
    case PanelCode::e4m3:
      return tile_product<ExactBlock<E4m3Columns>>(product);
    case PanelCode::bf16:
      return tile_product<ExactBlock<Bf16Columns>>(product);
    case PanelCode::f16:
      return tile_product<ExactBlock<F16Columns>>(product);
    case PanelCode::f32:
      return tile_product<ExactBlock<F32Columns>>(product);
    default:
      return;
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
