#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mica/cpu/fft_transform.h"
#include "mica/cpu/kernels/fourier.h"

namespace mica::cpu {

/// Fourier transforms of any length n by Bluestein's algorithm: out[k] = w[k] · Σ (x[j] · w[j]) · conj(w[k − j]) with
/// w[k] = exp(−πi k² / n), a convolution by two transforms of a length m of at least 2n − 1.
class Bluestein final : public FourierTransform {
 public:
  /// `convolution` are transforms of length m.
  Bluestein(int64_t n, int64_t m, std::unique_ptr<const SmoothFourier> convolution);

  int64_t columns() const override { return convolution_->columns(); }
  int64_t work() const override { return 2 * m_; }
  int64_t scratch_size() const override { return 2 * m_ * columns() + convolution_->scratch_size(); }
  void run(float* re, float* im, float* scratch) const override;

 private:
  void find_spectrum();
  void turn(const FourierSource& from, const FourierTarget& to) const;

  int64_t n_;
  int64_t m_;
  std::unique_ptr<const SmoothFourier> convolution_;
  std::vector<float> chirp_re_;
  std::vector<float> chirp_im_;
  std::vector<float> spectrum_re_;  ///< of the conjugate chirp, over m
  std::vector<float> spectrum_im_;
};

}  // namespace mica::cpu
