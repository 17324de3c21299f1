#include "mica/cpu/kernels/fourier_rows.h"

#include "mica/cpu/kernels/fourier_lanes.h"

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

struct Halves {
  F32 re;
  F32 im;
};

/// Result k from elements k and half − k.
Halves combined(Halves here, Halves mirror, F32 cosine, F32 sine) {
  const F32 odd_re = here.im + mirror.im;
  const F32 odd_im = mirror.re - here.re;
  return {fma(sine, odd_im, fma(cosine, odd_re, here.re + mirror.re)),
          fnma(sine, odd_re, fma(cosine, odd_im, here.im - mirror.im))};
}

/// Elements half − k, half − k − 1, …: `count` of them.
F32 mirrored(const float* values, int64_t from, int64_t count) {
  if (from >= kLanes - 1) return reversed(F32::load(values + from - (kLanes - 1)));
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = values[from - i];
  return F32::load(lanes);
}

/// Calls use(k, results, count) for vectors of results, of which `count` lanes count. To tangle is to untangle with the
/// opposite cosine.
template <bool tangles, typename Use>
void for_halves(const FourierHalves& x, int64_t begin, int64_t end, Use use) {
  for (int64_t k = begin; k < end; k += kLanes) {
    const int64_t count = end - k < kLanes ? end - k : kLanes;
    const F32 cosine = F32::load(x.cosine + k, count);
    const Halves here = {F32::load(x.re + k, count), F32::load(x.im + k, count)};
    const Halves mirror = {mirrored(x.re, x.half - k, count), mirrored(x.im, x.half - k, count)};
    use(k, combined(here, mirror, tangles ? F32(0.0f) - cosine : cosine, F32::load(x.sine + k, count)), count);
  }
}

/// The first `count` pairs of lanes.
void store_pairs(F32 even, F32 odd, int64_t count, float* to) {
  const FirstSecond pairs = join_pairs({even, odd});
  if (count == kLanes) {
    pairs.first.store(to);
    pairs.second.store(to + kLanes);
    return;
  }
  const int64_t numbers = 2 * count;
  pairs.first.store(to, numbers < kLanes ? numbers : kLanes);
  if (numbers > kLanes) pairs.second.store(to + kLanes, numbers - kLanes);
}

}  // namespace

void rows_to_tile(const float* rows, int64_t row_step, int64_t count, int64_t n, float* tile) {
  // Columns without a row repeat the last one.
  const auto row_at = [&](int64_t row) { return rows + (row < count ? row : count - 1) * row_step; };
  const auto block = [&](int64_t row, int64_t e) {
    F32 lanes[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) lanes[i] = F32::load(row_at(row + i) + e);
    transpose(lanes);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) lanes[i].store(tile + (e + i) * kFourierColumns + row);
  };
  if (for_blocks(n, block)) return;
  for (int64_t e = 0; e < n; ++e) {
    for (int64_t row = 0; row < kFourierColumns; ++row) tile[e * kFourierColumns + row] = row_at(row)[e];
  }
}

void rows_from_tile(const float* tile, int64_t count, int64_t n, float* rows, int64_t row_step) {
  const auto block = [&](int64_t row, int64_t e) {
    F32 lanes[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) lanes[i] = F32::load(tile + (e + i) * kFourierColumns + row);
    transpose(lanes);
    for (int i = 0; i < kLanes && row + i < count; ++i) lanes[i].store(rows + (row + i) * row_step + e);
  };
  if (for_blocks(n, block)) return;
  for (int64_t e = 0; e < n; ++e) {
    for (int64_t row = 0; row < count; ++row) rows[row * row_step + e] = tile[e * kFourierColumns + row];
  }
}

void split_rows(const float* pairs, int64_t n, float* re, float* im) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const EvenOdd parts = split_pairs({F32::load(pairs + 2 * i), F32::load(pairs + 2 * i + kLanes)});
    parts.even.store(re + i);
    parts.odd.store(im + i);
  }
  for (; i < n; ++i) {
    re[i] = pairs[2 * i];
    im[i] = pairs[2 * i + 1];
  }
}

void join_rows(const float* re, const float* im, int64_t n, float re_scale, float im_scale, float* pairs) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t count = n - i < kLanes ? n - i : kLanes;
    store_pairs(F32::load(re + i, count) * F32(re_scale), F32::load(im + i, count) * F32(im_scale), count,
                pairs + 2 * i);
  }
}

void untangle_halves(const FourierHalves& x, int64_t begin, int64_t end, float re_scale, float im_scale, float* pairs) {
  for_halves<false>(x, begin, end, [&](int64_t k, Halves value, int64_t count) {
    store_pairs(value.re * F32(re_scale), value.im * F32(im_scale), count, pairs + 2 * k);
  });
}

void tangle_halves(const FourierHalves& x, int64_t begin, int64_t end, float* re, float* im) {
  for_halves<true>(x, begin, end, [&](int64_t k, Halves value, int64_t count) {
    value.re.store(re + k, count);
    value.im.store(im + k, count);
  });
}

}  // namespace mica::cpu::MICA_ISA_NS
