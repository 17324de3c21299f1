#include "mica/ops/fft.h"

#include <algorithm>
#include <vector>

#include "mica/base/thread_pool.h"
#include "mica/cpu/fft_plan.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

using C = Complex<float>;

C swapped(C value) {
  return {value.im, value.re};
}

/// Reads a row as n complex numbers. Of real numbers' transforms the half that is stored is completed.
void load_row(const Fourier& f, const array& x, int64_t row, C* to) {
  if (f.kind == FourierKind::of_real) {
    const float* from = x.data<float>() + row * f.n;
    for (int64_t i = 0; i < f.n; ++i) to[i] = {from[i], 0.0f};
    return;
  }
  const int64_t stored = f.kind == FourierKind::to_real ? f.n / 2 + 1 : f.n;
  const complex64_t* from = x.data<complex64_t>() + row * stored;
  for (int64_t i = 0; i < stored; ++i) to[i] = {from[i].real(), from[i].imag()};
  if (f.kind != FourierKind::to_real) return;
  for (int64_t i = stored; i < f.n; ++i) to[i] = {to[f.n - i].re, -to[f.n - i].im};
  // What cannot be in the transform of real numbers.
  to[0].im = 0;
  if (f.n % 2 == 0) to[f.n / 2].im = 0;
}

void store_row(const Fourier& f, const C* from, array& out, int64_t row) {
  if (f.kind == FourierKind::to_real) {
    float* to = out.data<float>() + row * f.n;
    for (int64_t i = 0; i < f.n; ++i) to[i] = from[i].re * f.scale;
    return;
  }
  const int64_t stored = f.kind == FourierKind::of_real ? f.n / 2 + 1 : f.n;
  complex64_t* to = out.data<complex64_t>() + row * stored;
  for (int64_t i = 0; i < stored; ++i) to[i] = {from[i].re * f.scale, from[i].im * f.scale};
}

void fourier(const Fourier& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array x = row_contiguous(inputs[0]);
  const int64_t n = primitive.n;
  const FourierPlan<float> plan(n);
  const int64_t rows = static_cast<int64_t>(out.size()) / out.shape(-1);
  ThreadPool::global().parallel_for(rows, std::max<int64_t>(1, 4096 / n), [&](int64_t begin, int64_t end) {
    std::vector<C> values(static_cast<size_t>(n));
    std::vector<C> scratch(static_cast<size_t>(plan.scratch_size()));
    for (int64_t row = begin; row < end; ++row) {
      load_row(primitive, x, row, values.data());
      // The inverse is the transform with real and imaginary parts exchanged before and after.
      if (primitive.inverse) std::transform(values.begin(), values.end(), values.begin(), swapped);
      plan.run(values.data(), scratch.data());
      if (primitive.inverse) std::transform(values.begin(), values.end(), values.begin(), swapped);
      store_row(primitive, values.data(), out, row);
    }
  });
}

}  // namespace

void register_fft(Backend& backend) {
  backend.add<Fourier, fourier>();
}

}  // namespace mica::cpu
