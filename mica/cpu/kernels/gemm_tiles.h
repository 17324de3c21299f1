#pragma once

// Dense products of bfloat16 by bfloat16 tiles. A packed panel of 32 vectors is [depth / 32][2][16][16] words, zeros
// behind the depth: for either half of the vectors a tile, of A a row a vector (16 pairs of depths), of B a row a pair
// of depths (16 vectors).

#include "mica/cpu/kernels/gemm_kernels.h"
#include "mica/cpu/kernels/tile_config.h"
#include "mica/cpu/kernels/transpose_avx512.h"

namespace mica::cpu::MICA_ISA_NS {

constexpr int kGemmTile = 16;                   // vectors and pairs of depths
constexpr int kGemmWidth = 2 * kGemmTile;       // of a panel; rows and columns of C at once
constexpr int kGemmTileElements = 2 * 16 * 16;  // of one packed tile
constexpr int64_t kGemmTileRowBytes = 4 * 16;

/// Panels from A or from B.
enum class GemmSide { rows, columns };

inline __mmask32 first_elements(int64_t n) {
  return n >= 32 ? ~0u : n <= 0 ? 0u : (1u << n) - 1u;
}

/// Sixteen vectors, `count` of them there, between depths k and k + 32: words of pairs, a row a vector.
inline void load_along(const GemmPack& pack, const uint16_t* in, int64_t count, int64_t k, __m512i (&block)[16]) {
  const __mmask32 there = first_elements(pack.depth - k);
#pragma GCC unroll 16
  for (int i = 0; i < kGemmTile; ++i) {
    block[i] = i < count ? _mm512_maskz_loadu_epi16(there, in + i * pack.vector_stride + k) : _mm512_setzero_si512();
  }
}

/// The same of vectors side by side in memory, a row a pair.
inline void load_across(const GemmPack& pack, const uint16_t* in, int64_t count, int64_t k, __m512i (&block)[16]) {
  const auto there = static_cast<__mmask16>(first_elements(count));
  const auto load = [&](int64_t depth) {
    const __mmask16 kept = depth < pack.depth ? there : static_cast<__mmask16>(0);
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(kept, in + depth * pack.depth_stride));
  };
#pragma GCC unroll 16
  for (int i = 0; i < kGemmTile; ++i) {
    block[i] = _mm512_or_si512(load(k + 2 * i), _mm512_slli_epi32(load(k + 2 * i + 1), 16));
  }
}

template <GemmSide side>
void gemm_tiles_pack(const GemmPack& pack) {
  auto* out = static_cast<uint16_t*>(pack.out);
  const bool along = pack.depth_stride == 1;
  for (int64_t k = 0; k < pack.depth; k += kGemmWidth) {
    for (int64_t vector = 0; vector < kGemmWidth; vector += kGemmTile, out += kGemmTileElements) {
      const auto* in = static_cast<const uint16_t*>(pack.data) + vector * pack.vector_stride;
      __m512i block[16];
      along ? load_along(pack, in, pack.count - vector, k, block)
            : load_across(pack, in, pack.count - vector, k, block);
      if (along != (side == GemmSide::rows)) transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < kGemmTile; ++i) _mm512_storeu_si512(out + 2 * i * kGemmTile, block[i]);
    }
  }
}

/// C [32, 32] = or += A · B. Tiles 0 … 3: C. 4, 5: A. 6, 7: B.
template <typename Unit>
void multiply_panels(Unit& unit, const uint16_t* a, const uint16_t* b, int64_t depth, float* c, int64_t ldc,
                     bool accumulate) {
  const int64_t c_bytes = ldc * static_cast<int64_t>(sizeof(float));
  float* lower = c + kGemmTile * ldc;
  if (accumulate) {
    unit.template load<0>(c, c_bytes);
    unit.template load<1>(c + kGemmTile, c_bytes);
    unit.template load<2>(lower, c_bytes);
    unit.template load<3>(lower + kGemmTile, c_bytes);
  } else {
    unit.template zero<0>();
    unit.template zero<1>();
    unit.template zero<2>();
    unit.template zero<3>();
  }
  for (int64_t k = 0; k < depth; k += kGemmWidth) {
    unit.template load<4>(a, kGemmTileRowBytes);
    unit.template load<6>(b, kGemmTileRowBytes);
    unit.template add_bf16<0, 4, 6>();
    unit.template load<7>(b + kGemmTileElements, kGemmTileRowBytes);
    unit.template add_bf16<1, 4, 7>();
    unit.template load<5>(a + kGemmTileElements, kGemmTileRowBytes);
    unit.template add_bf16<2, 5, 6>();
    unit.template add_bf16<3, 5, 7>();
    a += 2 * kGemmTileElements;
    b += 2 * kGemmTileElements;
  }
  unit.template store<0>(c, c_bytes);
  unit.template store<1>(c + kGemmTile, c_bytes);
  unit.template store<2>(lower, c_bytes);
  unit.template store<3>(lower + kGemmTile, c_bytes);
}

/// The same of `rows` rows and `cols` columns of C alone.
template <typename Unit>
void multiply_part(Unit& unit, const uint16_t* a, const uint16_t* b, const GemmTile& tile, float* c, int64_t rows) {
  alignas(64) float part[kGemmWidth][kGemmWidth] = {};
  const size_t bytes = static_cast<size_t>(tile.cols) * sizeof(float);
  for (int64_t i = 0; tile.accumulate && i < rows; ++i) __builtin_memcpy(part[i], c + i * tile.ldc, bytes);
  multiply_panels(unit, a, b, tile.depth, part[0], kGemmWidth, tile.accumulate);
  for (int64_t i = 0; i < rows; ++i) __builtin_memcpy(c + i * tile.ldc, part[i], bytes);
}

/// Any number of rows, whose panels follow each other, and the columns of one panel.
template <typename Unit>
void gemm_tiles(const GemmTile& tile) {
  const auto* a = static_cast<const uint16_t*>(tile.a);
  const auto* b = static_cast<const uint16_t*>(tile.b);
  auto* c = static_cast<float*>(tile.c);
  const int64_t panel = (tile.depth + kGemmWidth - 1) / kGemmWidth * kGemmWidth * kGemmWidth;
  Unit unit(TileConfig::whole());
  for (int64_t row = 0; row < tile.rows; row += kGemmWidth) {
    const int64_t rows = tile.rows - row < kGemmWidth ? tile.rows - row : kGemmWidth;
    if (rows == kGemmWidth && tile.cols == kGemmWidth) {
      multiply_panels(unit, a, b, tile.depth, c, tile.ldc, tile.accumulate);
    } else {
      multiply_part(unit, a, b, tile, c, rows);
    }
    a += panel;
    c += kGemmWidth * tile.ldc;
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
