#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/kernels/pairs.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

/// Sum over a row of f(element), elements beyond the end counting as f(0) = 0.
template <typename Function>
float sum_of(const float* x, int64_t count, Function f) {
  F32 a[4] = {F32(0.0f), F32(0.0f), F32(0.0f), F32(0.0f)};
  int64_t i = 0;
  for (; i + 4 * F32::kLanes <= count; i += 4 * F32::kLanes) {
    for (int j = 0; j < 4; ++j) a[j] = a[j] + f(F32::load(x + i + j * F32::kLanes));
  }
  for (; i < count; i += F32::kLanes) {
    const int64_t left = count - i < F32::kLanes ? count - i : F32::kLanes;
    const F32 value = f(F32::load(x + i, left));
    // f may turn the zeros beyond the end into something else.
    float lanes[F32::kLanes];
    value.store(lanes);
    a[0] = a[0] + F32::load(lanes, left);
  }
  return reduce_add((a[0] + a[1]) + (a[2] + a[3]));
}

/// out[i] = f(i-th vector of x), for a whole row.
template <typename Function>
void each(const float* x, float* out, int64_t count, Function f) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) f(F32::load(x + i), i, F32::kLanes).store(out + i);
  if (i < count) f(F32::load(x + i, count - i), i, count - i).store(out + i, count - i);
}

void rms_norm(const float* x, const float* weight, float eps, float* out, int64_t count) {
  const float squares = sum_of(x, count, [](F32 v) { return v * v; });
  const F32 scale = F32(1.0f / __builtin_sqrtf(squares / static_cast<float>(count) + eps));
  if (weight) {
    each(x, out, count, [&](F32 v, int64_t i, int64_t n) { return v * scale * F32::load(weight + i, n); });
  } else {
    each(x, out, count, [&](F32 v, int64_t, int64_t) { return v * scale; });
  }
}

void layer_norm(const float* x, const float* weight, const float* bias, float eps, float* out, int64_t count) {
  const float n = static_cast<float>(count);
  const F32 mean = F32(sum_of(x, count, [](F32 v) { return v; }) / n);
  const float variance = sum_of(x, count, [&](F32 v) { return (v - mean) * (v - mean); }) / n;
  const F32 scale = F32(1.0f / __builtin_sqrtf(variance + eps));
  each(x, out, count, [&](F32 v, int64_t i, int64_t left) {
    F32 y = (v - mean) * scale;
    if (weight) y = y * F32::load(weight + i, left);
    return bias ? y + F32::load(bias + i, left) : y;
  });
}

float row_max(const float* x, int64_t count) {
  float best = -__builtin_inff();
  F32 most = F32(best);
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) most = max(F32::load(x + i), most);
  if (F32::kLanes <= count) best = reduce_max(most);
  for (; i < count; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

float row_sum(const float* x, int64_t count) {
  return sum_of(x, count, [](F32 v) { return v; });
}

float sum_exp(const float* x, float shift, int64_t count) {
  return sum_of(x, count, [&](F32 v) { return exp(v - F32(shift)); });
}

void softmax(const float* x, float* out, int64_t count) {
  const float most = row_max(x, count);
  // A row of minus infinities has no maximum to subtract; it comes out as NaN, as 0 / 0 does.
  const F32 shift = F32(most);
  each(x, out, count, [&](F32 v, int64_t, int64_t) { return exp(v - shift); });
  const F32 total = F32(row_sum(out, count));
  each(out, out, count, [&](F32 v, int64_t, int64_t) { return v / total; });
}

void rotate_halves(const float* x, const float* cosine, const float* sine, float* out, int64_t half) {
  for (int64_t i = 0; i < half; i += F32::kLanes) {
    const int64_t n = half - i < F32::kLanes ? half - i : F32::kLanes;
    const F32 a = F32::load(x + i, n);
    const F32 b = F32::load(x + half + i, n);
    const F32 c = F32::load(cosine + i, n);
    const F32 s = F32::load(sine + i, n);
    (a * c - b * s).store(out + i, n);
    (b * c + a * s).store(out + half + i, n);
  }
}

void rotate_pairs(const float* x, const float* cosine, const float* sine, float* out, int64_t half) {
  for (int64_t i = 0; i < half; i += F32::kLanes) {
    const int64_t n = half - i < F32::kLanes ? half - i : F32::kLanes;
    const EvenOdd pairs = load_pairs(x + 2 * i, n);
    const F32 c = F32::load(cosine + i, n);
    const F32 s = F32::load(sine + i, n);
    store_pairs({pairs.even * c - pairs.odd * s, pairs.odd * c + pairs.even * s}, n, out + 2 * i);
  }
}

}  // namespace

constinit const RowKernels rows = {rms_norm, layer_norm, softmax,       sum_exp,
                                   row_sum,  row_max,    rotate_halves, rotate_pairs};

}  // namespace mica::cpu::MICA_ISA_NS
