#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mica/cpu/fft_cache.h"
#include "mica/cpu/fft_turns.h"
#include "mica/cpu/kernels/fourier.h"

namespace mica::cpu {

/// What leads from a transform of `half` complex numbers to that of twice as many real ones: the angles π k / half.
class FourierHalfTurns {
 public:
  explicit FourierHalfTurns(int64_t half) : half_(half) {
    const std::vector<FourierNumber> turns = fourier_turns(2 * half, half);
    for (const FourierNumber& turn : turns) {
      cosine_.push_back(static_cast<float>(turn.re));
      sine_.push_back(static_cast<float>(-turn.im));
    }
    cosine_.push_back(-1.0f);
    sine_.push_back(0.0f);
  }

  /// The turns for `half`; those used last are kept.
  static std::shared_ptr<const FourierHalfTurns> of(int64_t half) {
    static FourierCache<FourierHalfTurns> cache;
    return cache.get(half, [&] { return std::make_shared<const FourierHalfTurns>(half); });
  }

  FourierHalves with(const float* re, const float* im) const { return {re, im, cosine_.data(), sine_.data(), half_}; }

 private:
  int64_t half_;
  std::vector<float> cosine_;
  std::vector<float> sine_;
};

}  // namespace mica::cpu
