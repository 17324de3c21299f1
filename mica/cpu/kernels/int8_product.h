#pragma once

// Product of packed panels and int8 activations. For every group of columns
//   Σ value · x  =  scale · x_scale · Σ code · x_int8  +  bias · x_scale · Σ x_int8
// so that the inner loop is an integer dot product of codes as they come out of the weight stream. Where values are
// scale · (code − offset) there is no second term: the integer sum starts with − offset · Σ x_int8.

#include <type_traits>

#include "mica/cpu/kernels/panel_rows.h"
#include "mica/cpu/kernels/panel_scales.h"

namespace mica::cpu::MICA_ISA_NS {

// NOLINTNEXTLINE(misc-definitions-in-headers): every file that includes this one has a namespace of its own
int code_offset(const PanelLayout& layout) {
  const bool is_wide = layout.code == PanelCode::u8 || layout.code == PanelCode::u4_levels;
  return static_cast<int>(layout.offset) - (is_wide ? kDotBias : 0);
}

/// What the integer sums of a layout with biases start with.
inline constexpr int32_t kNoStarts[16] = {};

/// Panels that a load of activations may serve.
#if defined(__AVX512VNNI__)
constexpr int kSharedLoads = 2;
#else
constexpr int kSharedLoads = 1;
#endif

/// Adds the dot products of a chunk of one panel with M activation rows of a tile of Rows.
template <typename Code, int Rows, int M>
inline void add_chunk(const Code& code, const uint8_t* chunk, int64_t, int block, const int8_t* x, I32 (&sums)[1][M]) {
  I32 pairs[2][2];
  code.template unpack<0>(chunk, block, pairs[0]);
  code.template unpack<1>(chunk, block, pairs[1]);
  const auto dot = [&](Partial sum, int quad, int m) {
    const int8_t* values = x + 4 * Rows * quad + 4 * m;
    const I32 codes = pairs[quad / 2][quad % 2];
    return Code::kWide ? dot4_wide(sum, codes, values) : dot4(sum, codes, values);
  };
  if constexpr (kPartialIsExact) {
#pragma GCC unroll 4
    for (int quad = 0; quad < 4; ++quad) {
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) sums[0][m] = dot(sums[0][m], quad, m);
    }
  } else {
#pragma GCC unroll 4
    for (int first = 0; first < 4; first += Code::kFlush) {
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) {
        Partial partial(0);
#pragma GCC unroll 4
        for (int quad = first; quad < first + Code::kFlush; ++quad) partial = dot(partial, quad, m);
        sums[0][m] = flush(sums[0][m], partial);
      }
    }
  }
}

#if defined(__AVX512VNNI__)

/// A pair of quads of P panels, `stride` bytes apart, with M activation rows.
template <int pair, typename Code, int Rows, int P, int M>
inline void add_pair(const Code& code, const uint8_t* chunk, int64_t stride, int block, const int8_t* x,
                     I32 (&sums)[P][M]) {
  I32 quads[P][2];
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) code.template unpack<pair>(chunk + p * stride, block, quads[p]);
#pragma GCC unroll 2
  for (int quad = 0; quad < 2; ++quad) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      const I32 values = load_bytes4(x + 4 * Rows * (2 * pair + quad) + 4 * m);
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) sums[p][m] = dot4(sums[p][m], quads[p][quad], values);
    }
  }
}

template <typename Code, int Rows, int P, int M>
  requires(P > 1)
inline void add_chunk(const Code& code, const uint8_t* chunk, int64_t stride, int block, const int8_t* x,
                      I32 (&sums)[P][M]) {
  add_pair<0, Code, Rows>(code, chunk, stride, block, x, sums);
  add_pair<1, Code, Rows>(code, chunk, stride, block, x, sums);
}

#endif

/// Brings the panels behind the present ones into the first-level cache, as many bytes as are read meanwhile: the
/// hardware stops at every 4 KiB, and with several rows there is time (4 rows take half as long with it). One row
/// reads memory as fast as it can be read.
struct Prefetch {
  const uint8_t* at;  ///< null: nothing to do

  void fetch(int bytes) {
    if (!at) return;
    for (int i = 0; i < bytes; i += 64) __builtin_prefetch(at + i);
    at += bytes;
  }
};

/// One block of rows of P panels times activation rows first_row … first_row + M − 1 of a tile of Rows.
template <typename Code, typename Scales, int Rows, int P, int M>
inline void block_product(const PanelProduct& product, const Code& code, const uint8_t* panel, int block, int first_row,
                          F32 (&acc)[P][M]) {
  const PanelLayout& layout = *product.layout;
  const int64_t stride = layout.panel_bytes();
  const int8_t* x = static_cast<const int8_t*>(product.x) + 4 * first_row;
  const float* x_scales = product.x_scales + first_row;
  const float* x_sums = product.x_sums + first_row;
  const int32_t* x_starts = layout.has_bias ? kNoStarts : product.x_starts + first_row;
  const int starts_stride = layout.has_bias ? 0 : Rows;
  const auto offset = static_cast<float>(code_offset(layout));
  Prefetch next = {Rows > 1 && product.from_memory ? panel + P * stride : nullptr};
  const int chunks = product.step / 16;
  const int steps = layout.group / product.step;
  const int groups = layout.record / layout.group;
#pragma GCC unroll 2
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) acc[p][m] = F32(0.0f);
  }

  for (int record = 0; record < layout.records; ++record) {
    const Scales scales(layout, panel, block);
    const Scales second_scales(layout, panel + (P - 1) * stride, block);
    next.fetch(P * layout.scale_bytes);
    panel += layout.scale_bytes;
    for (int group = 0; group < groups; ++group) {
      for (int step = 0; step < steps; ++step) {
        I32 sums[P][M];
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m) {
          sums[0][m] = I32(x_starts[m]);
#pragma GCC unroll 2
          for (int p = 1; p < P; ++p) sums[p][m] = sums[0][m];
        }
        for (int chunk = 0; chunk < chunks; ++chunk) {
          next.fetch(P * layout.chunk_bytes);
          add_chunk<Code, Rows>(code, panel, stride, block, x, sums);
          panel += layout.chunk_bytes;
          x += 16 * Rows;
        }
        F32 scale[P], bias[P];
        scales.group(group, offset, scale[0], bias[0]);
        if constexpr (P == 2) second_scales.group(group, offset, scale[1], bias[1]);
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m) {
#pragma GCC unroll 2
          for (int p = 0; p < P; ++p) {
            acc[p][m] = fma(to_f32(sums[p][m]) * F32(x_scales[m]), scale[p], acc[p][m]);
          }
        }
        if (layout.has_bias) {
#pragma GCC unroll 12
          for (int m = 0; m < M; ++m) {
#pragma GCC unroll 2
            for (int p = 0; p < P; ++p) acc[p][m] = fma(F32(x_sums[m]), bias[p], acc[p][m]);
          }
        }
        x_scales += Rows;
        x_sums += Rows;
        x_starts += starts_stride;
      }
    }
  }
}

template <typename Code, typename Scales>
struct Int8Block {
  /// Scales that take some arithmetic leave too few registers for a second panel.
  static constexpr int kPanelsAtOnce = std::is_same_v<Scales, RecordScales> ? 1 : kSharedLoads;

  Code code;
  explicit Int8Block(const PanelLayout& layout) : code(layout) {}

  template <int Rows, int P, int M>
  void product(const PanelProduct& product, const uint8_t* panel, int block, int first_row, F32 (&acc)[P][M]) const {
    block_product<Code, Scales, Rows>(product, code, panel, block, first_row, acc);
  }
};

template <typename Code>
void product_of_code(const PanelProduct& product) {
  const bool is_direct = product.layout->record == product.layout->group;
  if (is_direct && product.layout->scale == PanelScale::f16) {
    return tile_product<Int8Block<Code, DirectScales<PanelScale::f16>>>(product);
  }
  if (is_direct && product.layout->scale == PanelScale::bf16) {
    return tile_product<Int8Block<Code, DirectScales<PanelScale::bf16>>>(product);
  }
  tile_product<Int8Block<Code, RecordScales>>(product);
}

// NOLINTNEXTLINE(misc-definitions-in-headers): every file that includes this one has a namespace of its own
void int8_product(const PanelProduct& product) {
  switch (product.layout->code) {
    case PanelCode::u1:
      return product_of_code<CodeU1>(product);
    case PanelCode::u2:
      return product_of_code<CodeU2>(product);
    case PanelCode::u3:
      return product_of_code<CodeU3>(product);
    case PanelCode::u4:
      return product_of_code<CodeU4>(product);
    case PanelCode::u4_levels:
      return product_of_code<CodeLevels>(product);
    case PanelCode::u5:
      return product_of_code<CodeU5>(product);
    case PanelCode::u6:
      return product_of_code<CodeU6>(product);
    case PanelCode::u8:
      return product_of_code<CodeU8>(product);
    default:
      return;
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
