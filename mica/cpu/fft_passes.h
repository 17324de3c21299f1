#pragma once

#include <cstdint>
#include <vector>

#include "mica/cpu/fft_transform.h"
#include "mica/cpu/kernels/fourier.h"

namespace mica::cpu {

/// The kernels for this machine.
const FourierKernels& fourier_kernels();

/// Discrete Fourier transforms of length n, of kFourierColumns columns at once: out[k] = Σ x[j] · exp(−2πi jk / n).
/// Stockham's algorithm: passes over all elements, one for every factor of n, results in order.
class FourierPasses {
 public:
  /// Whether the prime factors of n are small enough.
  static bool can_do(int64_t n);

  /// Operations a number of the result, roughly.
  static double cost(int64_t n);

  explicit FourierPasses(int64_t n);

  int64_t length() const { return n_; }
  /// Numbers of a tile of n elements: the real parts, then the imaginary ones.
  int64_t tile_size() const { return 2 * n_ * kFourierColumns; }
  FourierTarget tile(float* memory) const { return {memory, memory + n_ * kFourierColumns, kFourierColumns}; }

  /// Transforms what is in `source`, times `factors` (see FourierPass) where they are given. `spare` are two tiles;
  /// with several passes the target may be the source, with one only if they have the same step.
  void run(const FourierSource& source, const FourierTarget& target, float* const (&spare)[2],
           const FourierSource& factors = {}) const;

 private:
  struct Pass {
    int radix;
    std::vector<float> turns;
    std::vector<float> circle;
  };

  int64_t n_;
  std::vector<Pass> passes_;
};

/// FourierPasses over tiles in place.
class TileFourier final : public SmoothFourier {
 public:
  explicit TileFourier(int64_t n) : passes_(n) {}

  int64_t columns() const override { return kFourierColumns; }
  int64_t work() const override { return passes_.length(); }
  int64_t scratch_size() const override { return 2 * passes_.tile_size(); }
  using SmoothFourier::run;
  void run(float* re, float* im, float* scratch, const FourierFactors& factors) const override {
    passes_.run({re, im, kFourierColumns}, {re, im, kFourierColumns}, {scratch, scratch + passes_.tile_size()},
                {factors.re, factors.im, 1});
  }

 private:
  FourierPasses passes_;
};

}  // namespace mica::cpu
