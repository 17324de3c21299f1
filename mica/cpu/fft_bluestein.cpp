#include "mica/cpu/fft_bluestein.h"

#include <bit>
#include <utility>

namespace mica::cpu {

void PowerOfTwoTransform::run(std::vector<FourierNumber>& x, std::vector<FourierNumber>& spare) const {
  size_t stride = 1;
  for (size_t half = x.size() / 2; half > 0; half /= 2, stride *= 2) {
    for (size_t p = 0; p < half; ++p) {
      const FourierNumber turn = turns_[p * stride];
      for (size_t q = 0; q < stride; ++q) {
        const FourierNumber a = x[q + stride * p];
        const FourierNumber b = x[q + stride * (p + half)];
        spare[q + stride * 2 * p] = a + b;
        spare[q + stride * (2 * p + 1)] = (a - b) * turn;
      }
    }
    std::swap(x, spare);
  }
}

Bluestein::Bluestein(int64_t n)
    : chirp_(static_cast<size_t>(n)),
      spectrum_(std::bit_ceil(static_cast<size_t>(2 * n - 1))),
      convolution_(static_cast<int64_t>(spectrum_.size())) {
  // k² modulo 2n, without products that could overflow.
  int64_t square = 0;
  const double scale = 1.0 / static_cast<double>(spectrum_.size());
  for (int64_t k = 0; k < n; ++k) {
    const FourierNumber w = fourier_turn(square, 2 * n);
    const FourierNumber value = {w.re * scale, -w.im * scale};
    const auto at = static_cast<size_t>(k);
    chirp_[at] = w;
    spectrum_[at] = value;
    if (k > 0) spectrum_[spectrum_.size() - at] = value;
    square = (square + 2 * k + 1) % (2 * n);
  }
  std::vector<FourierNumber> spare(spectrum_.size());
  convolution_.run(spectrum_, spare);
}

void Bluestein::run(float* re, float* im, float*) const {
  std::vector<FourierNumber> padded(spectrum_.size(), FourierNumber{0, 0});
  std::vector<FourierNumber> spare(spectrum_.size());
  for (size_t j = 0; j < chirp_.size(); ++j)
    padded[j] = FourierNumber{static_cast<double>(re[j]), static_cast<double>(im[j])} * chirp_[j];
  convolution_.run(padded, spare);
  // The inverse transform is the transform with real and imaginary parts exchanged before and after.
  for (size_t k = 0; k < padded.size(); ++k) {
    const FourierNumber product = padded[k] * spectrum_[k];
    padded[k] = {product.im, product.re};
  }
  convolution_.run(padded, spare);
  for (size_t k = 0; k < chirp_.size(); ++k) {
    const FourierNumber out = FourierNumber{padded[k].im, padded[k].re} * chirp_[k];
    re[k] = static_cast<float>(out.re);
    im[k] = static_cast<float>(out.im);
  }
}

}  // namespace mica::cpu
