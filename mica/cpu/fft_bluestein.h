#pragma once

#include <cstdint>
#include <vector>

#include "mica/cpu/fft_plan.h"
#include "mica/cpu/fft_turns.h"

namespace mica::cpu {

/// A transform of a power of two in double precision.
class PowerOfTwoTransform {
 public:
  explicit PowerOfTwoTransform(int64_t n) : turns_(fourier_turns(n, n)) {}
  /// In place; `spare` is another row.
  void run(std::vector<FourierNumber>& x, std::vector<FourierNumber>& spare) const;

 private:
  std::vector<FourierNumber> turns_;
};

/// Fourier transforms of any length n by Bluestein's algorithm: out[k] = w[k] · Σ (x[j] · w[j]) · conj(w[k − j]) with
/// w[k] = exp(−πi k² / n), a convolution by transforms of a power of two. In double precision: the convolution loses
/// some digits.
class Bluestein final : public RowFourier {
 public:
  explicit Bluestein(int64_t n);
  int64_t scratch_size() const override { return 0; }
  void run(float* re, float* im, float* scratch) const override;

 private:
  std::vector<FourierNumber> chirp_;
  std::vector<FourierNumber> spectrum_;  ///< of the conjugate chirp, over its length
  PowerOfTwoTransform convolution_;
};

}  // namespace mica::cpu
