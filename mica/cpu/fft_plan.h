#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "mica/cpu/fft_passes.h"

namespace mica::cpu {

/// Discrete Fourier transforms of single rows of one length: out[k] = Σ x[j] · exp(−2πi jk / n).
class RowFourier {
 public:
  RowFourier() = default;
  RowFourier(const RowFourier&) = delete;
  RowFourier& operator=(const RowFourier&) = delete;
  virtual ~RowFourier() = default;

  /// Numbers of scratch that run() needs.
  virtual int64_t scratch_size() const = 0;
  /// In place, real and imaginary parts apart. A long row is shared out over the threads.
  virtual void run(float* re, float* im, float* scratch) const = 0;
};

/// How rows of one length are transformed: as the columns of tiles, or one by one.
struct FourierPlan {
  std::optional<FourierPasses> tiles;
  std::unique_ptr<const RowFourier> rows;

  /// The best plan for `count` rows of length n; plans used last are kept.
  static std::shared_ptr<const FourierPlan> of(int64_t n, int64_t count);
};

}  // namespace mica::cpu
