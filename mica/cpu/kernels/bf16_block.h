#pragma once

// Some columns of packed panels as the operand of bfloat16 tiles: the weights themselves, rounded, in pairs of columns.

#include "mica/cpu/kernels/panel_chunks.h"
#include "mica/cpu/kernels/panel_columns.h"

namespace mica::cpu::MICA_ISA_NS {

/// Columns of a block at most: two panels of it stay in the first-level cache.
constexpr int kBf16BlockColumns = 512;

/// Words of a row each, the even column low.
struct Bf16Block {
  alignas(64) uint32_t pairs[kBf16BlockColumns / 2][kPanelRows];
};

/// Two columns rounded, as pairs.
inline __m512i round_pairs(F32 even, F32 odd) {
  alignas(64) static constexpr uint16_t kInterleaved[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                            21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                            11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kInterleaved), (__m512i)_mm512_cvtne2ps_pbh(odd.v, even.v));
}

template <typename Columns>
inline void round_columns(const PanelLayout& layout, const uint8_t* panel, int64_t column, int64_t count,
                          Bf16Block& block) {
  Columns weights(layout);
  F32 scale(1.0f), bias(0.0f);
  for_chunks(layout, panel, column, count, [&](int64_t i, const PanelChunk& chunk) {
    if (i == 0 || chunk.column % layout.group == 0) chunk_scales(layout, chunk, scale, bias);
    weights.open(chunk.codes, 0);
#pragma GCC unroll 4
    for (int quad = 0; quad < 4; ++quad) {
      F32 columns[4];
      weights.quad(quad, scale, bias, columns);
      uint32_t* out = block.pairs[i / 2 + 2 * quad];
      _mm512_store_si512(out, round_pairs(columns[0], columns[1]));
      _mm512_store_si512(out + kPanelRows, round_pairs(columns[2], columns[3]));
    }
  });
}

/// Makes columns [column, column + count) of a panel ready, and zeros up to a multiple of 32 columns. f16 and f32 would
/// lose what the format keeps: no such layouts.
inline void open_bf16(const PanelLayout& layout, const uint8_t* panel, int64_t column, int64_t count,
                      Bf16Block& block) {
  if (count % 32 != 0) __builtin_memset(block.pairs[count / 2], 0, 16 / 2 * sizeof block.pairs[0]);
  const auto round = [&]<typename Code>() { round_columns<CodeColumns<Code>>(layout, panel, column, count, block); };
  if (with_code(layout.code, round)) return;
  if (layout.code == PanelCode::e4m3) return round_columns<E4m3Columns>(layout, panel, column, count, block);
  if (layout.code != PanelCode::bf16) return;
  // They stand in the panel just so.
  __builtin_memcpy(block.pairs, panel + column / 16 * layout.chunk_bytes, static_cast<size_t>(count) * 32);
}

}  // namespace mica::cpu::MICA_ISA_NS
