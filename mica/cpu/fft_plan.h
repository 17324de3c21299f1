#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace mica::cpu {

/// Discrete Fourier transforms of length n: out[k] = Σ x[j] · exp(−2πi jk / n), of several rows at once. Stockham's
/// algorithm with the prime factors of n (4 for two 2s); when one is large, Bluestein's: a convolution by transforms of
/// a power of two.
class FourierPlan {
 public:
  explicit FourierPlan(int64_t n);
  ~FourierPlan();

  /// Rows that are best transformed together: enough for vectors, few enough for the second-level cache.
  int64_t good_batch() const;
  /// Numbers of scratch that run() needs.
  int64_t scratch_size(int64_t batch) const;
  /// Transforms in place; element j of row b is re[j · batch + b], im[j · batch + b].
  void run(float* re, float* im, int64_t batch, float* scratch) const;

 private:
  class Bluestein;
  void stockham(float* re, float* im, int64_t batch, float* scratch) const;

  int64_t n_;
  std::vector<int> factors_;
  std::vector<float> turns_re_;
  std::vector<float> turns_im_;
  std::unique_ptr<Bluestein> bluestein_;
};

}  // namespace mica::cpu
