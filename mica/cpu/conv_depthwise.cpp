#include "mica/cpu/conv_depthwise.h"

#include <algorithm>
#include <vector>

#include "mica/cpu/block_types.h"
#include "mica/cpu/kernels/depthwise.h"
#include "mica/cpu/kernels/elementwise.h"

namespace mica::cpu {
namespace {

auto choose_kernel(Isa isa) {
  return isa >= Isa::avx512 ? avx512::depthwise_run : isa >= Isa::avx2 ? avx2::depthwise_run : reference::depthwise_run;
}

/// For every output position of an axis the end of its run: positions side by side that meet the same taps. Those taps'
/// places move on by the same step from one position to the next.
std::vector<int64_t> run_ends(const Places& axis) {
  const auto meet_the_same = [&](int64_t a, int64_t b) {
    return std::equal(axis.of(a), axis.of(a) + axis.taps, axis.of(b),
                      [](int64_t x, int64_t y) { return (x < 0) == (y < 0); });
  };
  std::vector<int64_t> ends(static_cast<size_t>(axis.output));
  int64_t end = axis.output;
  for (int64_t o = axis.output - 1; o >= 0; --o) {
    if (o + 1 < end && !meet_the_same(o, o + 1)) end = o + 1;
    ends[static_cast<size_t>(o)] = end;
  }
  return ends;
}

/// [filters, taps] → [taps, filters]
template <typename Sum>
std::vector<Sum> by_taps(const Sum* w, int64_t filters, int64_t taps) {
  std::vector<Sum> out;
  out.reserve(static_cast<size_t>(filters * taps));
  for (int64_t t = 0; t < taps; ++t) {
    for (int64_t f = 0; f < filters; ++f) out.push_back(w[f * taps + t]);
  }
  return out;
}

/// Elements of a half type as float32.
std::vector<float> widened(const array& a, ThreadPool& pool) {
  const auto load = a.dtype() == float16 ? elementwise_kernels().load_f16 : elementwise_kernels().load_bf16;
  std::vector<float> out(a.size());
  pool.parallel_for(static_cast<int64_t>(a.size()), 1 << 14, [&](int64_t begin, int64_t end) {
    load(a.data<uint16_t>() + begin, out.data() + begin, end - begin);
  });
  return out;
}

/// A run of any type, with any number of filters a channel.
template <typename Sum>
void plain_run(const DepthwiseRun<Sum>& run, int64_t multiplier) {
  const int64_t filters = run.channels * multiplier;
  for (int64_t i = 0; i < run.positions; ++i) {
    Sum* to = run.out + i * filters;
    std::fill_n(to, filters, Sum(0));
    for (int64_t t = 0; t < run.taps; ++t) {
      const Sum* x = run.inputs[t] + i * run.step;
      const Sum* w = run.weights[t];
      for (int64_t c = 0; c < run.channels; ++c) {
        for (int64_t f = c * multiplier; f < (c + 1) * multiplier; ++f) to[f] += x[c] * w[f];
      }
    }
  }
}

/// Calls add(run) for runs that cover all output positions. `w` is [taps, filters].
template <typename Sum, typename Add>
void for_runs(const Problem& p, const Sum* x, const Sum* w, array& out, ThreadPool& pool, Add add) {
  const Places& axis = p.axis[2];
  const std::vector<int64_t> ends = run_ends(axis);
  // Sums of halves pass through a buffer that stays in the first-level cache.
  const bool rounds = !in_compute_form(out.dtype());
  const int64_t longest = rounds ? std::max<int64_t>(1, 4096 / p.filters) : axis.output;
  const auto taps = static_cast<size_t>(p.taps());
  const int64_t grain = std::max<int64_t>(1, 16384 / (p.taps() * p.filters));
  pool.parallel_for(p.positions(), grain, [&](int64_t begin, int64_t end) {
    std::vector<Sum> sums(rounds ? static_cast<size_t>(longest * p.filters) : 0);
    std::vector<const Sum*> inputs(taps);
    std::vector<const Sum*> weights(taps);
    for (int64_t position = begin; position < end;) {
      const int64_t o = position % axis.output;
      const int64_t count = std::min({ends[static_cast<size_t>(o)] - o, end - position, longest});
      size_t hits = 0;
      int64_t step = 0;
      p.for_tap_rows(position, [&](int64_t first_tap, int64_t row, const int64_t* places) {
        for (int64_t t = 0; row >= 0 && t < axis.taps; ++t) {
          if (places[t] < 0) continue;
          inputs[hits] = x + (row + places[t]) * p.channels;
          weights[hits++] = w + (first_tap + t) * p.filters;
          if (count > 1) step = places[axis.taps + t] - places[t];
        }
      });
      std::byte* target = out.data<std::byte>() + position * p.filters * static_cast<int64_t>(out.itemsize());
      Sum* to = rounds ? sums.data() : reinterpret_cast<Sum*>(target);
      add(DepthwiseRun<Sum>{inputs.data(), weights.data(), static_cast<int64_t>(hits), step * p.channels, to, count,
                            p.channels});
      store_block(to, target, out.dtype(), count * p.filters);
      position += count;
    }
  });
}

}  // namespace

void convolve_depthwise(const Problem& p, const array& x, const array& w, array& out, ThreadPool& pool, Isa isa) {
  const int64_t multiplier = p.group_filters();
  const auto plain = [multiplier](const auto& run) { plain_run(run, multiplier); };
  if (out.dtype() == float64) {
    const std::vector<double> weights = by_taps(w.data<double>(), p.filters, p.taps());
    return for_runs(p, x.data<double>(), weights.data(), out, pool, plain);
  }
  const bool half = is_half(x.dtype());
  const std::vector<float> wide_x = half ? widened(x, pool) : std::vector<float>();
  const std::vector<float> wide_w = half ? widened(w, pool) : std::vector<float>();
  const float* input = half ? wide_x.data() : x.data<float>();
  const std::vector<float> weights = by_taps(half ? wide_w.data() : w.data<float>(), p.filters, p.taps());
  if (multiplier > 1) return for_runs(p, input, weights.data(), out, pool, plain);
  for_runs(p, input, weights.data(), out, pool, choose_kernel(isa));
}

}  // namespace mica::cpu
