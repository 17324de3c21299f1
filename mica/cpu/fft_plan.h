#pragma once

#include <cstdint>
#include <memory>

namespace mica::cpu {

/// Memory for numbers that are about to be written, beginning on a cache line.
class FourierMemory {
 public:
  explicit FourierMemory(int64_t numbers);
  float* get() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  std::unique_ptr<float, Free> memory_;
};

/// How rows of one length are transformed: out[k] = Σ x[j] · exp(−2πi jk / n).
class FourierPlan {
 public:
  FourierPlan() = default;
  FourierPlan(const FourierPlan&) = delete;
  FourierPlan& operator=(const FourierPlan&) = delete;
  virtual ~FourierPlan() = default;

  /// The best plan for `rows` rows of length n; plans used last are kept.
  static std::shared_ptr<const FourierPlan> of(int64_t n, int64_t rows);

  /// The most rows that run() takes.
  virtual int64_t batch() const = 0;
  /// Numbers of scratch that run() needs.
  virtual int64_t scratch_size() const = 0;
  /// Transforms `rows` rows in place, real and imaginary parts apart; a row begins `row_step` numbers after the one
  /// before. A long row is shared out over the threads.
  virtual void run(float* re, float* im, int64_t rows, int64_t row_step, float* scratch) const = 0;
};

}  // namespace mica::cpu
