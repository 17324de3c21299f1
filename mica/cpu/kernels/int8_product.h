#pragma once

// Product of packed panels and int8 activations. For every group of columns
//   Σ value · x  =  scale · x_scale · Σ code · x_int8  +  bias · x_scale · Σ x_int8
// so that the inner loop is an integer dot product of codes as they come out of the weight stream.

#include "mica/cpu/kernels/panel_rows.h"
#include "mica/cpu/kernels/panel_scales.h"

namespace mica::cpu::MICA_ISA_NS {

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

template <typename Code>
struct Int8Block {
  Code code;
  explicit Int8Block(const PanelLayout& layout) : code(layout) {}

  template <int Rows, int M>
  void product(const PanelProduct& product, const uint8_t* panel, int block, int first_row, F32 (&acc)[M]) const {
    block_product<Code, Rows>(product, code, panel, block, first_row, acc);
  }
};

// NOLINTNEXTLINE(misc-definitions-in-headers): every file that includes this one has a namespace of its own
void int8_product(const PanelProduct& product) {
  switch (product.layout->code) {
    case PanelCode::u2:
      return tile_product<Int8Block<CodeU2>>(product);
    case PanelCode::u3:
      return tile_product<Int8Block<CodeU3>>(product);
    case PanelCode::u4:
      return tile_product<Int8Block<CodeU4>>(product);
    case PanelCode::u4_levels:
      return tile_product<Int8Block<CodeLevels>>(product);
    case PanelCode::u5:
      return tile_product<Int8Block<CodeU5>>(product);
    case PanelCode::u6:
      return tile_product<Int8Block<CodeU6>>(product);
    case PanelCode::u8:
      return tile_product<Int8Block<CodeU8>>(product);
    default:
      return;
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
