// Product of packed panels of bfloat16 and activations rounded to bfloat16, by instructions that multiply pairs of them
// and add in float32.

#define MICA_ISA_NS avx512bf16

#include "mica/cpu/kernels/bf16_pairs.h"
#include "mica/cpu/kernels/load_columns.h"
#include "mica/cpu/kernels/panel_rows.h"

namespace mica::cpu::avx512bf16 {
namespace {

/// Sums that every result is spread over: one row needs two to hide the latency of an addition. As many for all tiles,
/// so that a row's result does not depend on the others.
constexpr int kSplit = 2;
constexpr int kPairsOfChunk = 8;

struct Bf16Block {
  static constexpr int kPanelsAtOnce = 2;

  explicit Bf16Block(const PanelLayout&) {}

  template <int Rows, int P, int M>
  void product(const PanelProduct& product, const uint8_t* panel, int, int first_row, F32 (&acc)[P][M]) const {
    const PanelLayout& layout = *product.layout;
    const int64_t stride = layout.panel_bytes();
    const auto* x = static_cast<const uint32_t*>(product.x) + first_row;
    Prefetch<Rows> next = {panel + P * stride};
    __m512 sums[kSplit][P][M] = {};
    for (int64_t left = stride; left > 0; left -= layout.chunk_bytes) {
      next.fetch(P * layout.chunk_bytes);
#pragma GCC unroll 8
      for (int pair = 0; pair < kPairsOfChunk; ++pair)
        add_pair<Rows>(panel + 64 * pair, stride, x + pair * Rows, sums[pair % kSplit]);
      panel += layout.chunk_bytes;
      x += kPairsOfChunk * Rows;
    }
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) acc[p][m] = _mm512_add_ps(sums[0][p][m], sums[1][p][m]);
    }
  }

  /// Nothing is left of the activations.
  static void add_rests(const PanelProduct&, const uint8_t*, int, float*, int) {}

 private:
  template <int Rows, int P, int M>
  static void add_pair(const uint8_t* panel, int64_t stride, const uint32_t* x, __m512 (&sums)[P][M]) {
    __m512i weights[P];
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) weights[p] = _mm512_loadu_si512(panel + p * stride);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      if constexpr (P == 1) {
        add_pairs(sums[0][m], weights[0], x + m);
      } else {
        const __m512i values = _mm512_set1_epi32(static_cast<int32_t>(x[m]));
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) add_pairs(sums[p][m], weights[p], values);
      }
    }
  }
};

}  // namespace

void bf16_product(const PanelProduct& product) {
  tile_product<Bf16Block>(product);
}

void round_to_bf16(const RowRounding& row) {
  for (int64_t column = 0; column < row.padded; column += F32::kLanes) {
    const F32 values = load_columns(row.x, column, row.cols);
    alignas(32) uint32_t pairs[kPairsOfChunk];
    _mm256_store_si256(reinterpret_cast<__m256i*>(pairs), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values.v)));
    uint32_t* out = row.pairs + column / 2 * row.stride;
    for (int i = 0; i < kPairsOfChunk; ++i) out[i * row.stride] = pairs[i];
  }
}

}  // namespace mica::cpu::avx512bf16
