#include "mica/cpu/fft_plan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "mica/base/cpu_info.h"
#include "mica/cpu/kernels/fourier.h"

namespace mica::cpu {
namespace {

/// Larger prime factors go Bluestein's way.
constexpr int kLargestFactor = 13;

/// A complex number with plain arithmetic: products without std::complex's care for infinities.
struct Complex {
  double re;
  double im;
};
Complex operator+(Complex a, Complex b) {
  return {a.re + b.re, a.im + b.im};
}
Complex operator-(Complex a, Complex b) {
  return {a.re - b.re, a.im - b.im};
}
Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

Complex turn(int64_t k, int64_t n) {
  const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

/// Calls set(k, exp(−2πi k / n)) for k < n; products of a coarse and a fine turn: few sines, errors of double
/// precision.
template <typename Set>
void for_turns(int64_t n, Set set) {
  const auto step = static_cast<int64_t>(std::sqrt(static_cast<double>(n))) + 1;
  std::vector<Complex> fine;
  fine.reserve(static_cast<size_t>(step));
  for (int64_t i = 0; i < step; ++i) fine.push_back(turn(i, n));
  for (int64_t k = 0; k < n; k += step) {
    const Complex coarse = turn(k, n);
    for (int64_t i = 0; i < std::min(step, n - k); ++i)
      set(static_cast<size_t>(k + i), coarse * fine[static_cast<size_t>(i)]);
  }
}

/// The factors of n in the order of the passes; empty when one is too large.
std::vector<int> factors_of(int64_t n) {
  std::vector<int> out;
  for (const int factor : {4, 2, 3, 5, 7, 11, kLargestFactor}) {
    for (; n % factor == 0; n /= factor) out.push_back(factor);
  }
  return n == 1 ? out : std::vector<int>();
}

void (*fourier_kernel())(const FourierPass&) {
  const Isa isa = active_isa();
  return isa >= Isa::avx512 ? avx512::fourier_pass : isa >= Isa::avx2 ? avx2::fourier_pass : reference::fourier_pass;
}

/// A transform of a power of two in double precision.
class PowerOfTwo {
 public:
  explicit PowerOfTwo(int64_t n) : turns_(static_cast<size_t>(n)) {
    for_turns(n, [&](size_t k, Complex value) { turns_[k] = value; });
  }

  void run(std::vector<Complex>& x) const {
    std::vector<Complex> other(x.size());
    size_t stride = 1;
    for (size_t half = x.size() / 2; half > 0; half /= 2, stride *= 2) {
      for (size_t p = 0; p < half; ++p) {
        for (size_t q = 0; q < stride; ++q) {
          const Complex a = x[q + stride * p];
          const Complex b = x[q + stride * (p + half)];
          other[q + stride * 2 * p] = a + b;
          other[q + stride * (2 * p + 1)] = (a - b) * turns_[p * stride];
        }
      }
      std::swap(x, other);
    }
  }

 private:
  std::vector<Complex> turns_;
};

}  // namespace

/// out[k] = w[k] · Σ (x[j] · w[j]) · conj(w[k − j]) with w[k] = exp(−πi k² / n). In double precision: the convolution
/// loses some digits.
class FourierPlan::Bluestein {
 public:
  explicit Bluestein(int64_t n)
      : chirp_(static_cast<size_t>(n)),
        spectrum_(std::bit_ceil(static_cast<size_t>(2 * n - 1))),
        convolution_(static_cast<int64_t>(spectrum_.size())) {
    // k² modulo 2n, without products that could overflow.
    int64_t square = 0;
    const double scale = 1.0 / static_cast<double>(spectrum_.size());
    for (int64_t k = 0; k < n; ++k) {
      const Complex w = turn(square, 2 * n);
      const Complex value = {w.re * scale, -w.im * scale};
      const auto at = static_cast<size_t>(k);
      chirp_[at] = w;
      spectrum_[at] = value;
      if (k > 0) spectrum_[spectrum_.size() - at] = value;
      square = (square + 2 * k + 1) % (2 * n);
    }
    convolution_.run(spectrum_);
  }

  /// One row, whose elements are `stride` apart.
  void run(float* re, float* im, size_t stride) const {
    std::vector<Complex> padded(spectrum_.size(), Complex{0, 0});
    for (size_t j = 0; j < chirp_.size(); ++j) {
      padded[j] = Complex{static_cast<double>(re[j * stride]), static_cast<double>(im[j * stride])} * chirp_[j];
    }
    convolution_.run(padded);
    // The inverse transform is the transform with real and imaginary parts exchanged before and after.
    for (size_t k = 0; k < padded.size(); ++k) {
      const Complex product = padded[k] * spectrum_[k];
      padded[k] = {product.im, product.re};
    }
    convolution_.run(padded);
    for (size_t k = 0; k < chirp_.size(); ++k) {
      const Complex out = Complex{padded[k].im, padded[k].re} * chirp_[k];
      re[k * stride] = static_cast<float>(out.re);
      im[k * stride] = static_cast<float>(out.im);
    }
  }

 private:
  std::vector<Complex> chirp_;
  std::vector<Complex> spectrum_;  ///< of the conjugate chirp, over its length
  PowerOfTwo convolution_;
};

FourierPlan::FourierPlan(int64_t n) : n_(n), factors_(factors_of(n)) {
  if (n > 1 && factors_.empty()) {
    bluestein_ = std::make_unique<Bluestein>(n);
    return;
  }
  turns_re_.resize(static_cast<size_t>(n));
  turns_im_.resize(static_cast<size_t>(n));
  for_turns(n, [&](size_t k, Complex value) {
    turns_re_[k] = static_cast<float>(value.re);
    turns_im_[k] = static_cast<float>(value.im);
  });
}

FourierPlan::~FourierPlan() = default;

int64_t FourierPlan::good_batch() const {
  constexpr int64_t kElements = 32768;  // with scratch half a megabyte
  return std::clamp<int64_t>(kElements / n_, 1, 16);
}

int64_t FourierPlan::scratch_size(int64_t batch) const {
  return bluestein_ ? 0 : 2 * n_ * batch;
}

void FourierPlan::run(float* re, float* im, int64_t batch, float* scratch) const {
  if (!bluestein_) return stockham(re, im, batch, scratch);
  for (int64_t row = 0; row < batch; ++row) bluestein_->run(re + row, im + row, static_cast<size_t>(batch));
}

void FourierPlan::stockham(float* re, float* im, int64_t batch, float* scratch) const {
  const auto kernel = fourier_kernel();
  FourierPass pass = {.from_re = re,
                      .from_im = im,
                      .to_re = scratch,
                      .to_im = scratch + n_ * batch,
                      .turns_re = turns_re_.data(),
                      .turns_im = turns_im_.data(),
                      .n = n_,
                      .turn_stride = 1};
  float* from_re = re;
  float* from_im = im;
  pass.rest = n_;
  for (const int radix : factors_) {
    pass.radix = radix;
    pass.rest /= radix;
    pass.stride = pass.turn_stride * batch;
    pass.from_re = from_re;
    pass.from_im = from_im;
    kernel(pass);
    std::swap(from_re, pass.to_re);
    std::swap(from_im, pass.to_im);
    pass.turn_stride *= radix;
  }
  if (from_re == re) return;
  std::copy_n(from_re, n_ * batch, re);
  std::copy_n(from_im, n_ * batch, im);
}

}  // namespace mica::cpu
