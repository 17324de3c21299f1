#include "mica/ops/fft.h"

#include <algorithm>
#include <vector>

#include "mica/base/thread_pool.h"
#include "mica/cpu/fft_plan.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

/// Rows that are transformed together, with real and imaginary parts apart.
struct Rows {
  int64_t batch;
  std::vector<float> re;
  std::vector<float> im;

  Rows(int64_t n, int64_t count)
      : batch(count), re(static_cast<size_t>(n * count)), im(static_cast<size_t>(n * count)) {}

  void set(int64_t element, int64_t row, float real, float imag) {
    re[static_cast<size_t>(element * batch + row)] = real;
    im[static_cast<size_t>(element * batch + row)] = imag;
  }
};

/// Reads a row as n complex numbers. Of real numbers' transforms the half that is stored is completed.
void load_row(const Fourier& f, const array& x, int64_t source, Rows& rows, int64_t row) {
  if (f.kind == FourierKind::of_real) {
    const float* from = x.data<float>() + source * f.n;
    for (int64_t i = 0; i < f.n; ++i) rows.set(i, row, from[i], 0.0f);
    return;
  }
  const int64_t stored = f.kind == FourierKind::to_real ? f.n / 2 + 1 : f.n;
  const complex64_t* from = x.data<complex64_t>() + source * stored;
  for (int64_t i = 0; i < stored; ++i) rows.set(i, row, from[i].real(), from[i].imag());
  if (f.kind != FourierKind::to_real) return;
  for (int64_t i = stored; i < f.n; ++i) rows.set(i, row, from[f.n - i].real(), -from[f.n - i].imag());
  // What cannot be in the transform of real numbers.
  rows.set(0, row, from[0].real(), 0.0f);
  if (f.n % 2 == 0) rows.set(f.n / 2, row, from[f.n / 2].real(), 0.0f);
}

void store_row(const Fourier& f, const Rows& rows, int64_t row, array& out, int64_t target) {
  const auto at = [&](int64_t element) { return static_cast<size_t>(element * rows.batch + row); };
  if (f.kind == FourierKind::to_real) {
    float* to = out.data<float>() + target * f.n;
    for (int64_t i = 0; i < f.n; ++i) to[i] = rows.re[at(i)] * f.scale;
    return;
  }
  const int64_t stored = f.kind == FourierKind::of_real ? f.n / 2 + 1 : f.n;
  complex64_t* to = out.data<complex64_t>() + target * stored;
  for (int64_t i = 0; i < stored; ++i) to[i] = {rows.re[at(i)] * f.scale, rows.im[at(i)] * f.scale};
}

void fourier(const Fourier& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array x = row_contiguous(inputs[0]);
  const int64_t n = primitive.n;
  const FourierPlan plan(n);
  const int64_t count = static_cast<int64_t>(out.size()) / out.shape(-1);
  const int64_t batch = std::min(count, plan.good_batch());
  const int64_t grain = std::max<int64_t>(1, 4096 / (n * batch));
  ThreadPool::global().parallel_for((count + batch - 1) / batch, grain, [&](int64_t begin, int64_t end) {
    Rows rows(n, batch);
    std::vector<float> scratch(static_cast<size_t>(plan.scratch_size(batch)));
    // The inverse is the transform with real and imaginary parts exchanged before and after.
    float* re = primitive.inverse ? rows.im.data() : rows.re.data();
    float* im = primitive.inverse ? rows.re.data() : rows.im.data();
    for (int64_t part = begin; part < end; ++part) {
      // Rows that are missing in the last part keep what was there.
      const int64_t filled = std::min(batch, count - part * batch);
      for (int64_t i = 0; i < filled; ++i) load_row(primitive, x, part * batch + i, rows, i);
      plan.run(re, im, batch, scratch.data());
      for (int64_t i = 0; i < filled; ++i) {
        store_row(primitive, rows, i, out, part * batch + i);
      }
    }
  });
}

}  // namespace

void register_fft(Backend& backend) {
  backend.add<Fourier, fourier>();
}

}  // namespace mica::cpu
