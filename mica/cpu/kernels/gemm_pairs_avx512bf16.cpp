// Dense products of bfloat16 by instructions that multiply pairs of them and add in float32. Packed panels hold pairs
// of depths: [depth / 2][width][2], zeros behind an odd end.

#define MICA_ISA_NS avx512bf16

#include <immintrin.h>

#include "mica/cpu/kernels/gemm_kernels.h"
#include "mica/cpu/kernels/transpose_avx512.h"

namespace mica::cpu::avx512bf16 {
namespace {

constexpr int kRows = 12;
constexpr int kVectors = 2;
constexpr int kLanes = 16;
constexpr int kCols = kVectors * kLanes;

__mmask16 first(int64_t n) {
  return n >= kLanes ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << (n < 0 ? 0 : n)) - 1u);
}

/// Vectors side by side in memory: two depths are interleaved.
void pack_across(const GemmPack& pack) {
  const auto* in = static_cast<const uint16_t*>(pack.data);
  auto* out = static_cast<uint32_t*>(pack.out);
  for (int64_t k = 0; k < pack.depth; k += 2) {
    const uint16_t* row = in + k * pack.depth_stride;
    for (int i = 0; i < pack.width; i += kLanes) {
      const __mmask16 there = first(pack.count - i);
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, row + i));
      const __mmask16 second = k + 1 < pack.depth ? there : static_cast<__mmask16>(0);
      const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(second, row + pack.depth_stride + i));
      _mm512_mask_storeu_epi32(out + i, first(pack.width - i), _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
    out += pack.width;
  }
}

/// Vectors along memory: blocks of 16 vectors and 16 pairs are transposed.
void pack_along(const GemmPack& pack) {
  const auto* in = static_cast<const uint16_t*>(pack.data);
  auto* out = static_cast<uint32_t*>(pack.out);
  for (int64_t k = 0; k < pack.depth; k += 2 * kLanes) {
    const int64_t left = pack.depth - k < 2 * kLanes ? pack.depth - k : 2 * kLanes;
    const __mmask32 there = left == 32 ? ~0u : (1u << left) - 1u;
    for (int64_t i = 0; i < pack.width; i += kLanes) {
      __m512i block[16];
      for (int64_t j = 0; j < kLanes; ++j) {
        block[j] = i + j < pack.count ? _mm512_maskz_loadu_epi16(there, in + (i + j) * pack.vector_stride + k)
                                      : _mm512_setzero_si512();
      }
      transpose(block);
      const __mmask16 kept = first(pack.width - i);
      for (int64_t j = 0; 2 * j < left; ++j) {
        _mm512_mask_storeu_epi32(out + (k / 2 + j) * pack.width + i, kept, block[j]);
      }
    }
  }
}

template <int rows>
void store_part(const GemmTile& tile, const __m512 (&sums)[rows][kVectors]) {
  auto* c = static_cast<float*>(tile.c);
  for (int64_t i = 0; i < tile.rows; ++i) {
    for (int64_t j = 0; j < kVectors; ++j) {
      const __mmask16 kept = first(tile.cols - j * kLanes);
      float* at = c + i * tile.ldc + j * kLanes;
      __m512 value = sums[i][j];
      if (tile.accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(kept, at));
      _mm512_mask_storeu_ps(at, kept, value);
    }
  }
}

/// Of a tile at the lower edge only the first `rows` rows are computed.
template <int rows>
void multiply_rows(const GemmTile& tile) {
  const auto* a = static_cast<const uint32_t*>(tile.a);
  const auto* b = static_cast<const uint32_t*>(tile.b);
  __m512 sums[rows][kVectors];
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) {
    sums[i][0] = _mm512_setzero_ps();
    sums[i][1] = _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < tile.depth; k += 2) {
    const auto left = (__m512bh)_mm512_loadu_si512(b);
    const auto right = (__m512bh)_mm512_loadu_si512(b + kLanes);
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      const auto pair = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[i]));
      sums[i][0] = _mm512_dpbf16_ps(sums[i][0], pair, left);
      sums[i][1] = _mm512_dpbf16_ps(sums[i][1], pair, right);
    }
    a += kRows;
    b += kCols;
  }
  if (tile.rows < rows || tile.cols < kCols) return store_part(tile, sums);
  auto* c = static_cast<float*>(tile.c);
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      float* at = c + i * tile.ldc + j * kLanes;
      _mm512_storeu_ps(at, tile.accumulate ? _mm512_add_ps(sums[i][j], _mm512_loadu_ps(at)) : sums[i][j]);
    }
  }
}

}  // namespace

GemmTileShape gemm_pairs_shape(bool) {
  return {kRows, kCols};
}

void gemm_pairs_pack(const GemmPack& pack) {
  pack.depth_stride == 1 ? pack_along(pack) : pack_across(pack);
}

void gemm_pairs_tile(const GemmTile& tile) {
  constexpr int kFew = kRows / 3;
  if (tile.rows <= kFew) return multiply_rows<kFew>(tile);
  if (tile.rows <= 2 * kFew) return multiply_rows<2 * kFew>(tile);
  multiply_rows<kRows>(tile);
}

}  // namespace mica::cpu::avx512bf16
