#include "mica/ops/fft.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>
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

/// Real numbers of an even length n as n / 2 complex ones, neighbours being real and imaginary parts: half the work.
class RealPairs {
 public:
  explicit RealPairs(int64_t n) : half_(n / 2) {
    for (int64_t k = 0; k <= half_; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
      cosine_.push_back(static_cast<float>(std::cos(angle)));
      sine_.push_back(k == half_ ? 0.0f : static_cast<float>(std::sin(angle)));
    }
  }

  void load(const Fourier& f, const array& x, int64_t source, Rows& rows, int64_t row) const {
    if (f.kind == FourierKind::of_real) {
      const float* from = x.data<float>() + source * f.n;
      for (int64_t i = 0; i < half_; ++i) rows.set(i, row, from[2 * i], from[2 * i + 1]);
      return;
    }
    const complex64_t* from = x.data<complex64_t>() + source * (half_ + 1);
    // The forward transform of real numbers is the inverse one of the conjugates; the ends are real.
    const float sign = f.inverse ? 1.0f : -1.0f;
    const auto imag = [&](int64_t k) { return k == 0 || k == half_ ? 0.0f : sign * from[k].imag(); };
    for (int64_t k = 0; k < half_; ++k) {
      const int64_t mirror = half_ - k;
      const float gap_re = from[k].real() - from[mirror].real();
      const float gap_im = imag(k) + imag(mirror);
      const auto [c, s] = turn(k);
      rows.set(k, row, from[k].real() + from[mirror].real() - (c * gap_im + s * gap_re),
               imag(k) - imag(mirror) + (c * gap_re - s * gap_im));
    }
  }

  void store(const Fourier& f, const Rows& rows, int64_t row, array& out, int64_t target) const {
    const auto at = [&](int64_t element) { return static_cast<size_t>(element * rows.batch + row); };
    if (f.kind == FourierKind::to_real) {
      float* to = out.data<float>() + target * f.n;
      for (int64_t i = 0; i < half_; ++i) {
        to[2 * i] = rows.re[at(i)] * f.scale;
        to[2 * i + 1] = rows.im[at(i)] * f.scale;
      }
      return;
    }
    complex64_t* to = out.data<complex64_t>() + target * (half_ + 1);
    const float scale = 0.5f * f.scale;
    const float sign = f.inverse ? -scale : scale;
    for (int64_t k = 0; k <= half_; ++k) {
      const size_t here = at(k == half_ ? 0 : k);
      const size_t mirror = at(k == 0 ? 0 : half_ - k);
      // Transforms of the elements at even and at odd places.
      const float odd_re = rows.im[here] + rows.im[mirror];
      const float odd_im = rows.re[mirror] - rows.re[here];
      const auto [c, s] = turn(k);
      to[k] = {(rows.re[here] + rows.re[mirror] + c * odd_re + s * odd_im) * scale,
               (rows.im[here] - rows.im[mirror] + c * odd_im - s * odd_re) * sign};
    }
  }

 private:
  std::pair<float, float> turn(int64_t k) const {
    return {cosine_[static_cast<size_t>(k)], sine_[static_cast<size_t>(k)]};
  }

  int64_t half_;
  std::vector<float> cosine_;
  std::vector<float> sine_;
};

void fourier(const Fourier& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array x = row_contiguous(inputs[0]);
  std::optional<RealPairs> pairs;
  if (primitive.kind != FourierKind::complex && primitive.n % 2 == 0) pairs.emplace(primitive.n);
  const int64_t n = pairs ? primitive.n / 2 : primitive.n;
  const bool inverse = pairs ? primitive.kind == FourierKind::to_real : primitive.inverse;
  const FourierPlan plan(n);
  const int64_t count = static_cast<int64_t>(out.size()) / out.shape(-1);
  const int64_t batch = std::min(count, plan.good_batch());
  const int64_t grain = std::max<int64_t>(1, 4096 / (n * batch));
  ThreadPool::global().parallel_for((count + batch - 1) / batch, grain, [&](int64_t begin, int64_t end) {
    Rows rows(n, batch);
    std::vector<float> scratch(static_cast<size_t>(plan.scratch_size(batch)));
    // The inverse is the transform with real and imaginary parts exchanged before and after.
    float* re = inverse ? rows.im.data() : rows.re.data();
    float* im = inverse ? rows.re.data() : rows.im.data();
    for (int64_t part = begin; part < end; ++part) {
      // Rows that are missing in the last part keep what was there.
      const int64_t filled = std::min(batch, count - part * batch);
      for (int64_t i = 0; i < filled; ++i) {
        const int64_t source = part * batch + i;
        pairs ? pairs->load(primitive, x, source, rows, i) : load_row(primitive, x, source, rows, i);
      }
      plan.run(re, im, batch, scratch.data());
      for (int64_t i = 0; i < filled; ++i) {
        const int64_t target = part * batch + i;
        pairs ? pairs->store(primitive, rows, i, out, target) : store_row(primitive, rows, i, out, target);
      }
    }
  });
}

}  // namespace

void register_fft(Backend& backend) {
  backend.add<Fourier, fourier>();
}

}  // namespace mica::cpu
