#include "mica/cpu/fft_plan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace mica::cpu {
namespace {

/// Larger prime factors go Bluestein's way.
constexpr int kLargestFactor = 13;

Complex<double> turn(int64_t k, int64_t n) {
  const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

/// exp(−2πi k / n) for k < n, as products of a coarse and a fine turn: few sines, errors of double precision.
template <typename T>
std::vector<Complex<T>> all_turns(int64_t n) {
  const auto step = static_cast<int64_t>(std::sqrt(static_cast<double>(n))) + 1;
  std::vector<Complex<double>> fine;
  fine.reserve(static_cast<size_t>(step));
  for (int64_t i = 0; i < step; ++i) fine.push_back(turn(i, n));
  std::vector<Complex<T>> out(static_cast<size_t>(n));
  for (int64_t k = 0; k < n; k += step) {
    const Complex<double> coarse = turn(k, n);
    for (int64_t i = 0; i < std::min(step, n - k); ++i) {
      const Complex<double> product = coarse * fine[static_cast<size_t>(i)];
      out[static_cast<size_t>(k + i)] = {static_cast<T>(product.re), static_cast<T>(product.im)};
    }
  }
  return out;
}

/// The factors of n in the order of the passes; empty when one is too large.
std::vector<int> factors_of(int64_t n) {
  std::vector<int> out;
  for (const int factor : {4, 2, 3, 5, 7, 11, kLargestFactor}) {
    for (; n % factor == 0; n /= factor) out.push_back(factor);
  }
  return n == 1 ? out : std::vector<int>();
}

template <typename T>
void butterfly2(Complex<T>* a) {
  const Complex<T> sum = a[0] + a[1];
  a[1] = a[0] - a[1];
  a[0] = sum;
}

template <typename T>
void butterfly3(Complex<T>* a) {
  constexpr T kSine = std::numbers::sqrt3_v<T> / 2;
  const Complex<T> sum = a[1] + a[2];
  const Complex<T> turned = (a[1] - a[2]).turned() * kSine;
  const Complex<T> middle = a[0] - sum * T(0.5);
  a[0] = a[0] + sum;
  a[1] = middle + turned;
  a[2] = middle - turned;
}

template <typename T>
void butterfly4(Complex<T>* a) {
  const Complex<T> even = a[0] + a[2];
  const Complex<T> odd = a[1] + a[3];
  const Complex<T> even_gap = a[0] - a[2];
  const Complex<T> odd_gap = (a[1] - a[3]).turned();
  a[0] = even + odd;
  a[1] = even_gap + odd_gap;
  a[2] = even - odd;
  a[3] = even_gap - odd_gap;
}

/// A transform of any small length by its definition; turns[j · stride] are its factors.
template <typename T>
void butterfly(Complex<T>* a, int radix, const Complex<T>* turns, int64_t stride) {
  Complex<T> out[kLargestFactor];
  for (int k = 0; k < radix; ++k) {
    Complex<T> sum = a[0];
    for (int j = 1; j < radix; ++j) sum = sum + a[j] * turns[(j * k % radix) * stride];
    out[k] = sum;
  }
  std::copy_n(out, radix, a);
}

/// One pass: transforms of length `radix` over elements `length · stride` / radix apart, which leaves them in the order
/// of the next pass.
template <typename T, typename Butterfly>
void pass(const Complex<T>* x, Complex<T>* y, int radix, int64_t length, int64_t stride, const Complex<T>* turns,
          Butterfly apply_butterfly) {
  const int64_t rest = length / radix;
  for (int64_t p = 0; p < rest; ++p) {
    Complex<T> factors[kLargestFactor];
    for (int k = 0; k < radix; ++k) factors[k] = turns[p * k * stride];
    const Complex<T>* from = x + stride * p;
    Complex<T>* to = y + stride * radix * p;
    for (int64_t q = 0; q < stride; ++q) {
      Complex<T> a[kLargestFactor];
      for (int j = 0; j < radix; ++j) a[j] = from[q + stride * rest * j];
      apply_butterfly(a);
      to[q] = a[0];
      for (int k = 1; k < radix; ++k) to[q + stride * k] = a[k] * factors[k];
    }
  }
}

template <typename T>
void stockham(Complex<T>* x, Complex<T>* scratch, int64_t n, const std::vector<int>& factors, const Complex<T>* turns) {
  Complex<T>* from = x;
  Complex<T>* to = scratch;
  int64_t length = n;
  int64_t stride = 1;
  for (const int radix : factors) {
    switch (radix) {
      case 2:
        pass(from, to, 2, length, stride, turns, butterfly2<T>);
        break;
      case 3:
        pass(from, to, 3, length, stride, turns, butterfly3<T>);
        break;
      case 4:
        pass(from, to, 4, length, stride, turns, butterfly4<T>);
        break;
      default:
        pass(from, to, radix, length, stride, turns, [&](Complex<T>* a) { butterfly(a, radix, turns, n / radix); });
    }
    std::swap(from, to);
    length /= radix;
    stride *= radix;
  }
  if (from != x) std::copy_n(from, n, x);
}

}  // namespace

/// out[k] = w[k] · Σ (x[j] · w[j]) · conj(w[k − j]) with w[k] = exp(−πi k² / n). In double precision: the convolution
/// loses some digits.
template <typename T>
struct FourierPlan<T>::Bluestein {
  FourierPlan<double> convolution;
  std::vector<Complex<double>> chirp;
  std::vector<Complex<double>> spectrum;  ///< of the conjugate chirp, over its length

  explicit Bluestein(int64_t n)
      : convolution(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * n - 1)))),
        chirp(static_cast<size_t>(n)),
        spectrum(static_cast<size_t>(convolution.size())) {
    // k² modulo 2n, without products that could overflow.
    int64_t square = 0;
    for (int64_t k = 0; k < n; ++k) {
      chirp[static_cast<size_t>(k)] = turn(square, 2 * n);
      square = (square + 2 * k + 1) % (2 * n);
    }
    const double scale = 1.0 / static_cast<double>(convolution.size());
    for (int64_t k = 0; k < n; ++k) {
      const Complex<double> w = chirp[static_cast<size_t>(k)];
      const Complex<double> value = {w.re * scale, -w.im * scale};
      spectrum[static_cast<size_t>(k)] = value;
      if (k > 0) spectrum[static_cast<size_t>(convolution.size() - k)] = value;
    }
    std::vector<Complex<double>> scratch(static_cast<size_t>(convolution.scratch_size()));
    convolution.run(spectrum.data(), scratch.data());
  }

  void run(Complex<T>* x) const {
    const auto n = static_cast<int64_t>(chirp.size());
    std::vector<Complex<double>> padded(spectrum.size(), Complex<double>{0, 0});
    std::vector<Complex<double>> scratch(static_cast<size_t>(convolution.scratch_size()));
    for (int64_t j = 0; j < n; ++j) {
      padded[static_cast<size_t>(j)] =
          Complex<double>{static_cast<double>(x[j].re), static_cast<double>(x[j].im)} * chirp[static_cast<size_t>(j)];
    }
    convolution.run(padded.data(), scratch.data());
    // The inverse transform is the transform with real and imaginary parts exchanged before and after.
    for (size_t k = 0; k < padded.size(); ++k) {
      const Complex<double> product = padded[k] * spectrum[k];
      padded[k] = {product.im, product.re};
    }
    convolution.run(padded.data(), scratch.data());
    for (int64_t k = 0; k < n; ++k) {
      const Complex<double> value = padded[static_cast<size_t>(k)];
      const Complex<double> out = Complex<double>{value.im, value.re} * chirp[static_cast<size_t>(k)];
      x[k] = {static_cast<T>(out.re), static_cast<T>(out.im)};
    }
  }
};

template <typename T>
FourierPlan<T>::FourierPlan(int64_t n) : n_(n), factors_(factors_of(n)) {
  if (n > 1 && factors_.empty()) {
    bluestein_ = std::make_unique<Bluestein>(n);
  } else {
    turns_ = all_turns<T>(n);
  }
}

template <typename T>
FourierPlan<T>::~FourierPlan() = default;

template <typename T>
int64_t FourierPlan<T>::scratch_size() const {
  return bluestein_ ? 0 : n_;
}

template <typename T>
void FourierPlan<T>::run(Complex<T>* x, Complex<T>* scratch) const {
  if (bluestein_) return bluestein_->run(x);
  stockham(x, scratch, n_, factors_, turns_.data());
}

template class FourierPlan<double>;
template class FourierPlan<float>;

}  // namespace mica::cpu
