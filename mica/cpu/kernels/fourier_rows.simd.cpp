#include "mica/cpu/kernels/fourier_rows.h"

#include "mica/cpu/kernels/fourier_lanes.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kLanes = F32::kLanes;

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
  for (int64_t next = begin; next < end; next += kLanes) {
    // The last vector overlaps the one before.
    const int64_t k = end - next < kLanes && end - begin >= kLanes ? end - kLanes : next;
    const int64_t count = end - k < kLanes ? end - k : kLanes;
    const F32 cosine = F32::load(x.cosine + k, count);
    const Halves here = {F32::load(x.re + k, count), F32::load(x.im + k, count)};
    const Halves mirror = {mirrored(x.re, x.half - k, count), mirrored(x.im, x.half - k, count)};
    use(k, untangled(here, mirror, tangles ? F32(0.0f) - cosine : cosine, F32::load(x.sine + k, count)), count);
  }
}

}  // namespace

void split_rows(const float* pairs, int64_t n, float* re, float* im) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const EvenOdd parts = load_pairs(pairs + 2 * i, kLanes);
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
    store_pairs({F32::load(re + i, count) * F32(re_scale), F32::load(im + i, count) * F32(im_scale)}, count,
                pairs + 2 * i);
  }
}

void untangle_halves(const FourierHalves& x, int64_t begin, int64_t end, float re_scale, float im_scale, float* pairs) {
  for_halves<false>(x, begin, end, [&](int64_t k, Halves value, int64_t count) {
    store_pairs({value.re * F32(re_scale), value.im * F32(im_scale)}, count, pairs + 2 * k);
  });
}

void tangle_halves(const FourierHalves& x, int64_t begin, int64_t end, float* re, float* im) {
  for_halves<true>(x, begin, end, [&](int64_t k, Halves value, int64_t count) {
    value.re.store(re + k, count);
    value.im.store(im + k, count);
  });
}

}  // namespace mica::cpu::MICA_ISA_NS
