#pragma once

// Product of packed panels and int8 activations. For every group of columns
//   Σ value · x  =  scale · x_scale · Σ code · x_int8  +  bias · x_scale · Σ x_int8
// so that the inner loop is an integer dot product of codes as they come out of the weight stream. Where the bias is
// −offset · scale, that is
//   scale · x_scale · (Σ code · x_int8 − offset · Σ x_int8)
// and the dot product starts with the second sum, so that floats have a third less to do. Other biases can be taken
// from the middle of the codes on, where they are small: bfloat16 is enough for them then, and an instruction that
// multiplies pairs adds those of two steps at once. It makes the prompt kernel for 4-bit groups of 32 4 to 5 % faster.

#include <type_traits>

#include "mica/cpu/kernels/paired_biases.h"
#include "mica/cpu/kernels/panel_rows.h"
#include "mica/cpu/kernels/panel_scales.h"

namespace mica::cpu::MICA_ISA_NS {

/// Panels that a load of activations may serve.
#if defined(__AVX512VNNI__)
constexpr int kSharedLoads = 2;
#else
constexpr int kSharedLoads = 1;
#endif

/// The codes of a chunk for one block of rows of the panel, by pairs of quads.
struct ChunkCodes {
  I32 pairs[2][2];

  template <typename Code>
  static ChunkCodes unpack(const Code& code, const uint8_t* chunk, int block) {
    ChunkCodes out;
    code.template unpack<0>(chunk, block, out.pairs[0]);
    code.template unpack<1>(chunk, block, out.pairs[1]);
    return out;
  }
};

/// Adds the dot products of a chunk with M activation rows of a tile of Rows.
template <typename Code, int Rows, int M>
inline void add_codes(const ChunkCodes& codes, const int8_t* x, I32 (&sums)[M]) {
  const auto dot = [&](Partial sum, int quad, int m) {
    const int8_t* values = x + 4 * Rows * quad + 4 * m;
    const I32 quad_codes = codes.pairs[quad / 2][quad % 2];
    return Code::kWide ? dot4_wide(sum, quad_codes, values) : dot4(sum, quad_codes, values);
  };
  if constexpr (kPartialIsExact) {
#pragma GCC unroll 4
    for (int quad = 0; quad < 4; ++quad) {
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) sums[m] = dot(sums[m], quad, m);
    }
  } else {
#pragma GCC unroll 4
    for (int first = 0; first < 4; first += Code::kFlush) {
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) {
        Partial partial(0);
#pragma GCC unroll 4
        for (int quad = first; quad < first + Code::kFlush; ++quad) partial = dot(partial, quad, m);
        sums[m] = flush(sums[m], partial);
      }
    }
  }
}

/// Adds the dot products of a chunk of one panel with M activation rows of a tile of Rows.
template <typename Code, int Rows, int M>
inline void add_chunk(const Code& code, const uint8_t* chunk, int64_t, int block, const int8_t* x, I32 (&sums)[1][M]) {
  add_codes<Code, Rows>(ChunkCodes::unpack(code, chunk, block), x, sums[0]);
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
      const I32 values = broadcast4(x + 4 * Rows * (2 * pair + quad) + 4 * m);
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

/// What the codes of a panel are above the values that they stand for, as dot4 sees them.
template <typename Code>
inline float code_offset(const PanelLayout& layout) {
  return layout.offset - static_cast<float>(Code::kWide ? kDotBias : 0);
}

/// Whether dot products start with PanelProduct::x_starts: for codes as they are.
template <typename Scales>
constexpr bool kStartsWithOffset = Scales::kHasStarts && kDotBias == 0;

/// One block of rows of P panels times activation rows first_row … first_row + M − 1 of a tile of Rows.
template <typename Code, typename Scales, int Rows, int P, int M>
inline void block_product(const PanelProduct& product, const Code& code, const uint8_t* panel, int block, int first_row,
                          F32 (&acc)[P][M]) {
  const PanelLayout& layout = *product.layout;
  const int64_t stride = layout.panel_bytes();
  const int8_t* x = static_cast<const int8_t*>(product.x) + 4 * first_row;
  const float* x_scales = product.x_scales + first_row;
  const float* x_sums = product.x_sums + first_row;
  const int32_t* x_starts = product.x_starts + (kStartsWithOffset<Scales> ? first_row : 0);
  // What biases are taken from: value = scale · (code − from) + bias.
  const float from = code_offset<Code>(layout) - static_cast<float>(Scales::kHasPairs ? layout.centre() : 0);
  PairedBiases<Scales, Rows, P, M> biases(product, first_row);
  Prefetch<Rows> next = {panel + P * stride};
  const int chunks = Scales::chunks(product);
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
#pragma GCC unroll 2
          for (int p = 0; p < P; ++p) sums[p][m] = I32(kStartsWithOffset<Scales> ? x_starts[m] : 0);
        }
#pragma GCC unroll 2
        for (int chunk = 0; chunk < chunks; ++chunk) {
          next.fetch(P * layout.chunk_bytes);
          add_chunk<Code, Rows>(code, panel, stride, block, x, sums);
          panel += layout.chunk_bytes;
          x += 16 * Rows;
        }
        F32 scale[P], bias[P];
        scales.group(group, from, scale[0], bias[0]);
        if constexpr (P == 2) second_scales.group(group, from, scale[1], bias[1]);
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m) {
#pragma GCC unroll 2
          for (int p = 0; p < P; ++p) {
            if constexpr (kStartsWithOffset<Scales>) {
              acc[p][m] = add_scaled(acc[p][m], sums[p][m], F32(x_scales[m]), scale[p]);
            } else {
              acc[p][m] = add_scaled(acc[p][m], sums[p][m], F32(x_scales[m]), F32(x_sums[m]), scale[p], bias[p]);
            }
          }
        }
        if constexpr (Scales::kHasPairs) biases.add(bias, acc);
        x_scales += Rows;
        x_sums += Rows;
        if constexpr (kStartsWithOffset<Scales>) x_starts += Rows;
      }
    }
  }
  if constexpr (Scales::kHasPairs) biases.finish(acc);
}

/// Adds the products of a panel's block with second digits of one group of columns, from `rests` on up to `end`, to
/// the sums of their rows, `stride` floats apart. The codes are unpacked once for all rows.
template <typename Code, typename Scales>
inline void add_group_rests(const PanelProduct& product, const Code& code, const uint8_t* panel, int block,
                            const Rest* rests, const Rest* end, float* sums, int stride) {
  const PanelLayout& layout = *product.layout;
  const int chunks = Scales::chunks(product);
  const bool is_whole = chunks == 2;
  for (int first = 0; first < kActivationGroup; first += 16 * chunks) {
    // Records and groups are powers of two: divisions would take longer than what they are for.
    const int column = rests->group * kActivationGroup + first;
    const int in_record = column & (layout.record - 1);
    const uint8_t* record = panel + int64_t{column >> __builtin_ctz(layout.record)} * layout.record_bytes();
    const uint8_t* chunk = record + layout.scale_bytes + (in_record >> 4) * layout.chunk_bytes;
    F32 scale, bias;
    Scales(layout, record, block)
        .group(in_record >> __builtin_ctz(layout.group), code_offset<Code>(layout), scale, bias);
    const ChunkCodes low = ChunkCodes::unpack(code, chunk, block);
    const ChunkCodes high = ChunkCodes::unpack(code, is_whole ? chunk + layout.chunk_bytes : chunk, block);
    for (const Rest* rest = rests; rest != end; ++rest) {
      // Two sums, so that neither waits for the other.
      I32 sum[1] = {I32(0)};
      I32 second[1] = {I32(0)};
      add_codes<Code, 1>(low, rest->values + first, sum);
      if (is_whole) add_codes<Code, 1>(high, rest->values + 16, second);
      const float x_sum = is_whole ? rest->sums[0] + rest->sums[1] : rest->sums[first / 16];
      float* out = sums + int64_t{rest->row} * stride;
      add_scaled(F32::load(out), sum[0] + second[0], F32(rest->scale), F32(x_sum), scale, bias).store(out);
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

  void add_rests(const PanelProduct& product, const uint8_t* panel, int block, float* sums, int stride) const {
    const Rest* const last = product.rests.data() + product.rests.size();
    for (const Rest* rest = product.rests.data(); rest != last;) {
      const Rest* end = rest + 1;
      while (end != last && end->group == rest->group) ++end;
      add_group_rests<Code, Scales>(product, code, panel, block, rest, end, sums, stride);
      rest = end;
    }
  }
};

template <typename Code, PanelScale scale>
void direct_product(const PanelProduct& product) {
  if (product.layout->has_bias) return tile_product<Int8Block<Code, DirectScales<scale, true>>>(product);
  tile_product<Int8Block<Code, DirectScales<scale, false>>>(product);
}

template <typename Code>
void product_of_code(const PanelProduct& product) {
  if (!product.layout->is_direct()) return tile_product<Int8Block<Code, RecordScales>>(product);
  if (product.layout->scale == PanelScale::f16) return direct_product<Code, PanelScale::f16>(product);
  direct_product<Code, PanelScale::bf16>(product);
}

#if !defined(__AVX512BF16__)

// NOLINTNEXTLINE(misc-definitions-in-headers): every file that includes this one has a namespace of its own
void int8_product(const PanelProduct& product) {
  with_code(product.layout->code, [&]<typename Code>() { product_of_code<Code>(product); });
}

#endif

}  // namespace mica::cpu::MICA_ISA_NS
