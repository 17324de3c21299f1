#pragma once

// Product of packed panels and int8 activations by byte tiles, for the rows of TiledActivations. The arithmetic and its
// order are those of int8_product.h: tiles give the integer sums of a step, which are scaled and added in f32.

#include "mica/cpu/kernels/byte_block.h"
#include "mica/cpu/kernels/store_tiles.h"
#include "mica/cpu/kernels/tile_config.h"

namespace mica::cpu::MICA_ISA_NS {

/// Steps in flight: while one is scaled the tiles multiply the next.
constexpr int kStepsAtOnce = 2;

/// Tiles 0, 1: sums. 2, 3: activations. 4, 5: codes.
inline TileConfig byte_tiles(int step) {
  TileConfig out;
  for (int i = 0; i < kStepsAtOnce; ++i) {
    out.set(i, kTileHeight, 4 * kPanelRows);
    out.set(2 + i, kTileHeight, step);
    out.set(4 + i, step / 4, 4 * kPanelRows);
  }
  return out;
}

/// The activations of one tile of rows from some column on.
struct ByteRows {
  const int8_t* values;   ///< [column / 32][row][32]
  const float* scales;    ///< [step][row]
  const float* sums;      ///< of the values, likewise
  const int32_t* totals;  ///< the same without the scale
};

/// Integer sums of step `index` of a block.
template <int i, typename Unit>
inline void multiply_step(Unit& unit, const ByteBlock& block, int64_t index, int step, const ByteRows& rows,
                          int32_t (&sums)[kTileHeight][kPanelRows]) {
  const int64_t column = index * step;
  unit.template zero<i>();
  unit.template load<2 + i>(rows.values + column / 32 * 32 * kTileHeight + column % 32, 32);
  unit.template load<4 + i>(block.codes[column / 4], 4 * kPanelRows);
  unit.template add_signed_unsigned<i, 2 + i, 4 + i>();
  unit.template store<i>(sums, 4 * kPanelRows);
}

/// Adds the products of a block of `steps` steps to the sums of a tile.
template <bool symmetric, typename Unit>
void add_block(Unit& unit, const ByteBlock& block, int64_t steps, int step, int32_t offset, const ByteRows& rows,
               float (&sums)[kTileHeight][kPanelRows]) {
  alignas(64) int32_t products[kStepsAtOnce][kTileHeight][kPanelRows];
  F32 acc[kTileHeight];
#pragma GCC unroll 16
  for (int m = 0; m < kTileHeight; ++m) acc[m] = F32::load(sums[m]);
  const float* x_scales = rows.scales;
  const float* x_sums = rows.sums;
  const int32_t* x_totals = rows.totals;
  for (int64_t first = 0; first < steps; first += kStepsAtOnce) {
    const int64_t count = steps - first < kStepsAtOnce ? steps - first : kStepsAtOnce;
    multiply_step<0>(unit, block, first, step, rows, products[0]);
    if (count == kStepsAtOnce) multiply_step<1>(unit, block, first + 1, step, rows, products[1]);
    for (int64_t i = 0; i < count; ++i) {
      const F32 scale = F32::load(block.scales[first + i]);
      const F32 bias = F32::load(block.biases[first + i]);
      alignas(64) int32_t starts[kTileHeight];
      if constexpr (symmetric) {
        _mm512_store_si512(starts, _mm512_mullo_epi32(_mm512_loadu_si512(x_totals), _mm512_set1_epi32(-offset)));
      }
#pragma GCC unroll 16
      for (int m = 0; m < kTileHeight; ++m) {
        if constexpr (symmetric) {
          const I32 sum = I32::load(products[i][m]) + I32(starts[m]);
          acc[m] = add_scaled(acc[m], sum, F32(x_scales[m]), scale);
        } else {
          acc[m] = add_scaled(acc[m], I32::load(products[i][m]), F32(x_scales[m]), F32(x_sums[m]), scale, bias);
        }
      }
      x_scales += kTileHeight;
      x_sums += kTileHeight;
      x_totals += kTileHeight;
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < kTileHeight; ++m) acc[m].store(sums[m]);
}

/// Adds the product of a rest with its group of columns, which is made ready in the block.
inline void add_rest(const ByteBlock& block, const Rest& rest, int step, float* sums) {
  F32 acc = F32::load(sums);
  for (int first = 0; first < kActivationGroup; first += step) {
    I32 sum(0);
    for (int column = first; column < first + step; column += 4) {
      sum = dot4(sum, I32::load(block.codes[column / 4]), rest.values + column);
    }
    const float x_sum = step == kActivationGroup ? rest.sums[0] + rest.sums[1] : rest.sums[first / 16];
    const int index = first / step;
    acc = add_scaled(acc, sum, F32(rest.scale), F32(x_sum), F32::load(block.scales[index]),
                     F32::load(block.biases[index]));
  }
  acc.store(sums);
}

/// Adds the second digits of a tile's rows: codes are made ready once for all rests of a group.
inline void add_rests(const TileProduct& product, const uint8_t* panel, std::span<const Rest> rests, ByteBlock& block,
                      float (&sums)[kTileHeight][kPanelRows]) {
  int64_t ready = -1;
  for (const Rest& rest : rests) {
    if (rest.group != ready) {
      ready = rest.group;
      open_bytes(*product.layout, panel, ready * kActivationGroup, kActivationGroup, product.step, block);
    }
    add_rest(block, rest, product.step, sums[rest.row]);
  }
}

template <typename Unit>
void int8_tiles_product(const TileProduct& product) {
  const PanelLayout& layout = *product.layout;
  const int step = product.step;
  const int64_t cols = int64_t{layout.records} * layout.record;
  const int64_t tiles = product.tiles();
  alignas(64) float sums[kMostTiles][kTileHeight][kPanelRows];
  ByteBlock block;
  Unit unit(byte_tiles(step));
  for (int64_t index = 0; index < product.panel_count; ++index) {
    const uint8_t* panel = product.panels + index * layout.panel_bytes();
    __builtin_memset(sums, 0, static_cast<size_t>(tiles) * sizeof sums[0]);
    for (int64_t column = 0; column < cols; column += kByteBlockColumns) {
      const int64_t count = cols - column < kByteBlockColumns ? cols - column : kByteBlockColumns;
      open_bytes(layout, panel, column, count, step, block);
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t at = tile * product.tile_cols + column;
        const ByteRows rows = {static_cast<const int8_t*>(product.x) + at * kTileHeight,
                               product.x_scales + at / step * kTileHeight, product.x_sums + at / step * kTileHeight,
                               product.tile_totals + at / step * kTileHeight};
        if (layout.is_symmetric()) {
          add_block<true>(unit, block, count / step, step, layout.centre(), rows, sums[tile]);
        } else {
          add_block<false>(unit, block, count / step, step, 0, rows, sums[tile]);
        }
      }
    }
    for (int64_t tile = 0; tile < tiles; ++tile) {
      add_rests(product, panel, product.tile_rests[tile], block, sums[tile]);
      store_tile(product, tile, index, sums[tile]);
    }
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
