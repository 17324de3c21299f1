#pragma once

// Some columns of a packed panel as the operand of byte tiles: codes of one byte each, scales of every step in f32.

#include "mica/cpu/kernels/panel_chunks.h"

namespace mica::cpu::MICA_ISA_NS {

/// Columns of a block at most: with the activations that pass it stays in the first-level cache.
constexpr int kByteBlockColumns = 1024;

struct ByteBlock {
  alignas(64) uint8_t codes[kByteBlockColumns / 4][4 * kPanelRows];  ///< quads of columns
  /// For every step of columns (PanelProduct::step) the scale and the bias that a code of 0 stands for.
  alignas(64) float scales[kByteBlockColumns / 16][kPanelRows];
  alignas(64) float biases[kByteBlockColumns / 16][kPanelRows];
};

template <typename Code>
inline void open_codes(const PanelLayout& layout, const uint8_t* panel, int64_t column, int64_t count, int step,
                       ByteBlock& block) {
  const Code code(layout);
  for_chunks(layout, panel, column, count, [&](int64_t i, const PanelChunk& chunk) {
    I32 quads[2];
    uint8_t* out = block.codes[i / 4];
    code.template unpack<0>(chunk.codes, 0, quads);
    quads[0].store(out);
    quads[1].store(out + 64);
    code.template unpack<1>(chunk.codes, 0, quads);
    quads[0].store(out + 128);
    quads[1].store(out + 192);
    if (i % step != 0) return;
    F32 scale, bias;
    chunk_scales(layout, chunk, scale, bias);
    scale.store(block.scales[i / step]);
    bias.store(block.biases[i / step]);
  });
}

/// Makes columns [column, column + count) of a panel of integer codes ready, multiples of the step.
inline void open_bytes(const PanelLayout& layout, const uint8_t* panel, int64_t column, int64_t count, int step,
                       ByteBlock& block) {
  with_code(layout.code, [&]<typename Code>() { open_codes<Code>(layout, panel, column, count, step, block); });
}

}  // namespace mica::cpu::MICA_ISA_NS
