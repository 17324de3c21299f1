#pragma once

#include <cstdint>

namespace mica::cpu {

/// Discrete Fourier transforms of one length, out[k] = Σ x[j] · exp(−2πi jk / n): of single rows, or of tiles, whose
/// columns are kFourierColumns rows.
class FourierTransform {
 public:
  FourierTransform() = default;
  FourierTransform(const FourierTransform&) = delete;
  FourierTransform& operator=(const FourierTransform&) = delete;
  virtual ~FourierTransform() = default;

  /// Rows that are transformed at once: 1 or kFourierColumns.
  virtual int64_t columns() const = 0;
  /// Numbers that are transformed for a row: its length, or more.
  virtual int64_t work() const = 0;
  /// Numbers of scratch that run() needs.
  virtual int64_t scratch_size() const = 0;
  /// In place, real and imaginary parts apart. A long row is shared out over the threads.
  virtual void run(float* re, float* im, float* scratch) const = 0;
};

/// A complex number for each place of a row, real and imaginary parts apart; none where they are null.
struct FourierFactors {
  const float* re = nullptr;
  const float* im = nullptr;
};

/// Transforms of a length whose prime factors are small.
class SmoothFourier : public FourierTransform {
 public:
  void run(float* re, float* im, float* scratch) const final { run(re, im, scratch, {}); }
  /// The same, the results times the factors.
  virtual void run(float* re, float* im, float* scratch, const FourierFactors& factors) const = 0;
};

}  // namespace mica::cpu
