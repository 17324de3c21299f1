#include "mica/cpu/kernels/fourier_lanes.h"
#include "mica/cpu/kernels/fourier_rows.h"
#include "mica/cpu/kernels/transpose.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kLanes = F32::kLanes;

/// Calls block(row, element) for blocks of kLanes rows and kLanes elements that cover the tile; the last ones of n
/// elements overlap. False when there are fewer elements.
template <typename Block>
bool for_blocks(int64_t n, Block block) {
  if (n < kLanes) return false;
  for (int64_t e = 0; e < n; e += kLanes) {
    const int64_t from = e + kLanes <= n ? e : n - kLanes;
    for (int64_t row = 0; row < kFourierColumns; row += kLanes) block(row, from);
  }
  return true;
}

const float* row_at(const FourierRows<const float>& rows, int64_t row) {
  return rows.data + (row < rows.count ? row : rows.count - 1) * rows.step;
}

/// Rows of a block to columns of a tile: load(row) gives a vector of kLanes elements.
template <typename Load>
[[gnu::always_inline]] inline void block_to_tile(Load load, float* tile) {
  F32 lanes[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) lanes[i] = load(i);
  transpose(lanes);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) lanes[i].store(tile + i * kFourierColumns);
}

[[gnu::always_inline]] inline void block_from_tile(const float* tile, F32 (&lanes)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) lanes[i] = F32::load(tile + i * kFourierColumns);
  transpose(lanes);
}

template <bool tangles>
void tile_of_halves(const FourierHalves& x, float* re, float* im) {
  const int64_t count = tangles ? x.half : x.half + 1;
  for (int64_t k = 0; k < count; ++k) {
    const F32 cosine(tangles ? -x.cosine[k] : x.cosine[k]);
    const F32 sine(x.sine[k]);
    for (int64_t column = 0; column < kFourierColumns; column += kLanes) {
      const int64_t here = k * kFourierColumns + column;
      const int64_t mirror = (x.half - k) * kFourierColumns + column;
      const Halves result = untangled({F32::load(x.re + here), F32::load(x.im + here)},
                                      {F32::load(x.re + mirror), F32::load(x.im + mirror)}, cosine, sine);
      result.re.store(re + here);
      result.im.store(im + here);
    }
  }
}

}  // namespace

void rows_to_tile(const FourierRows<const float>& rows, int64_t n, float* tile) {
  const auto block = [&](int64_t row, int64_t e) {
    block_to_tile([&](int i) { return F32::load(row_at(rows, row + i) + e); }, tile + e * kFourierColumns + row);
  };
  if (for_blocks(n, block)) return;
  for (int64_t row = 0; row < kFourierColumns; ++row) {
    const float* from = row_at(rows, row);
    for (int64_t e = 0; e < n; ++e) tile[e * kFourierColumns + row] = from[e];
  }
}

void rows_from_tile(const float* tile, int64_t n, const FourierRows<float>& rows) {
  const auto block = [&](int64_t row, int64_t e) {
    F32 lanes[kLanes];
    block_from_tile(tile + e * kFourierColumns + row, lanes);
    for (int i = 0; i < kLanes && row + i < rows.count; ++i) lanes[i].store(rows.data + (row + i) * rows.step + e);
  };
  if (for_blocks(n, block)) return;
  for (int64_t row = 0; row < rows.count; ++row) {
    for (int64_t e = 0; e < n; ++e) rows.data[row * rows.step + e] = tile[e * kFourierColumns + row];
  }
}

void pairs_to_tile(const FourierRows<const float>& rows, int64_t n, float* re, float* im) {
  const auto block = [&](int64_t row, int64_t e) {
    const auto pairs = [&](int i) {
      const float* from = row_at(rows, row + i) + 2 * e;
      return load_pairs(from, kLanes);
    };
    block_to_tile([&](int i) { return pairs(i).even; }, re + e * kFourierColumns + row);
    block_to_tile([&](int i) { return pairs(i).odd; }, im + e * kFourierColumns + row);
  };
  if (for_blocks(n, block)) return;
  for (int64_t row = 0; row < kFourierColumns; ++row) {
    const float* from = row_at(rows, row);
    for (int64_t e = 0; e < n; ++e) {
      re[e * kFourierColumns + row] = from[2 * e];
      im[e * kFourierColumns + row] = from[2 * e + 1];
    }
  }
}

void pairs_from_tile(const float* re, const float* im, int64_t n, float scale, const FourierRows<float>& rows) {
  const auto block = [&](int64_t row, int64_t e) {
    F32 even[kLanes];
    F32 odd[kLanes];
    block_from_tile(re + e * kFourierColumns + row, even);
    block_from_tile(im + e * kFourierColumns + row, odd);
    for (int i = 0; i < kLanes && row + i < rows.count; ++i) {
      store_pairs({even[i] * F32(scale), odd[i] * F32(scale)}, kLanes, rows.data + (row + i) * rows.step + 2 * e);
    }
  };
  if (for_blocks(n, block)) return;
  for (int64_t row = 0; row < rows.count; ++row) {
    float* to = rows.data + row * rows.step;
    for (int64_t e = 0; e < n; ++e) {
      to[2 * e] = re[e * kFourierColumns + row] * scale;
      to[2 * e + 1] = im[e * kFourierColumns + row] * scale;
    }
  }
}

void untangle_tile(const FourierHalves& x, float* re, float* im) {
  tile_of_halves<false>(x, re, im);
}

void tangle_tile(const FourierHalves& x, float* re, float* im) {
  tile_of_halves<true>(x, re, im);
}

}  // namespace mica::cpu::MICA_ISA_NS
