#pragma once

#include <optional>
#include <vector>

#include "mica/cpu/fft_passes.h"

namespace mica::cpu {

/// Rows of length n = a · b in two steps (Cooley and Tukey): b columns of a numbers, then a columns of b numbers. Each
/// step's tiles are small enough for the cache that is next.
class SplitFourier final : public SmoothFourier {
 public:
  /// The factor a of n that makes the steps cheapest and what they cost, see FourierPasses::cost(); none where there
  /// is no factor of at least kFourierColumns with as large a rest.
  struct Choice {
    int64_t a;
    double cost;
  };
  static std::optional<Choice> choose(int64_t n);

  SplitFourier(int64_t n, int64_t a);

  int64_t columns() const override { return 1; }
  int64_t work() const override { return a_ * b_; }
  int64_t scratch_size() const override;
  using SmoothFourier::run;
  void run(float* re, float* im, float* scratch, const FourierFactors& factors) const override;

 private:
  void run_first(const float* re, const float* im, float* between, int64_t begin, int64_t end, float* scratch) const;
  void run_second(float* re, float* im, const FourierFactors& factors, float* between, int64_t begin, int64_t end,
                  float* scratch) const;

  int64_t a_;
  int64_t b_;
  FourierPasses first_;
  FourierPasses second_;
  std::vector<float> turns_re_;  ///< exp(−2πi jk / n) at k · b + j, between the steps
  std::vector<float> turns_im_;
};

}  // namespace mica::cpu
