#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace mica::cpu {

/// A complex number of double precision with plain arithmetic: products without std::complex's care for infinities.
struct FourierNumber {
  double re;
  double im;

  friend FourierNumber operator+(FourierNumber a, FourierNumber b) { return {a.re + b.re, a.im + b.im}; }
  friend FourierNumber operator-(FourierNumber a, FourierNumber b) { return {a.re - b.re, a.im - b.im}; }
  friend FourierNumber operator*(FourierNumber a, FourierNumber b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
};

/// exp(−2πi k / n)
inline FourierNumber fourier_turn(int64_t k, int64_t n) {
  const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

/// exp(−2πi k / n) for k < count: products of a coarse and a fine turn; few sines, errors of double precision.
inline std::vector<FourierNumber> fourier_turns(int64_t n, int64_t count) {
  const auto step = static_cast<int64_t>(std::sqrt(static_cast<double>(count))) + 1;
  std::vector<FourierNumber> fine;
  fine.reserve(static_cast<size_t>(step));
  for (int64_t i = 0; i < step; ++i) fine.push_back(fourier_turn(i, n));
  std::vector<FourierNumber> out;
  out.reserve(static_cast<size_t>(count));
  for (int64_t k = 0; k < count; k += step) {
    const FourierNumber coarse = fourier_turn(k, n);
    for (int64_t i = 0; i < std::min(step, count - k); ++i) out.push_back(coarse * fine[static_cast<size_t>(i)]);
  }
  return out;
}

}  // namespace mica::cpu
