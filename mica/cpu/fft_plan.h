#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace mica::cpu {

/// A complex number with plain arithmetic: products without std::complex's care for infinities.
template <typename T>
struct Complex {
  T re;
  T im;
  Complex operator+(Complex b) const { return {re + b.re, im + b.im}; }
  Complex operator-(Complex b) const { return {re - b.re, im - b.im}; }
  Complex operator*(Complex b) const { return {re * b.re - im * b.im, re * b.im + im * b.re}; }
  Complex operator*(T b) const { return {re * b, im * b}; }
  /// Times −i.
  Complex turned() const { return {im, -re}; }
};

/// A discrete Fourier transform of length n: out[k] = Σ x[j] · exp(−2πi jk / n). Stockham's algorithm with the prime
/// factors of n (4 for two 2s); when one is large, Bluestein's: a convolution by transforms of a power of two.
template <typename T>
class FourierPlan {
 public:
  explicit FourierPlan(int64_t n);
  ~FourierPlan();

  int64_t size() const { return n_; }
  /// Elements of scratch that run() needs.
  int64_t scratch_size() const;
  /// Transforms x in place.
  void run(Complex<T>* x, Complex<T>* scratch) const;

 private:
  struct Bluestein;
  int64_t n_;
  std::vector<int> factors_;
  std::vector<Complex<T>> turns_;  ///< exp(−2πi k / n)
  std::unique_ptr<Bluestein> bluestein_;
};

extern template class FourierPlan<float>;
extern template class FourierPlan<double>;

}  // namespace mica::cpu
