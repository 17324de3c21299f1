#pragma once

#include "mica/cpu/kernels/attention_kernels.h"
#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

/// Softcap and masks of a vector of queries in a tile of scores.
class HiddenKeys {
 public:
  /// Queries lane … lane + kLanes − 1 of `width`.
  HiddenKeys(const AttentionHiding& hiding, int width, int lane)
      : softcap_(hiding.softcap),
        width_(width),
        bias_(hiding.bias ? hiding.bias + lane : nullptr),
        ranges_(hiding.first != nullptr),
        first_(ranges_ ? F32::load(hiding.first + lane) : F32(0.0f)),
        last_(ranges_ ? F32::load(hiding.last + lane) : F32(0.0f)) {}

  /// The scores of key `key` of the tile: −∞ where it is hidden.
  F32 apply(F32 score, int64_t key) const {
    if (softcap_ > 0) score = F32(softcap_) * tanh(score * F32(1.0f / softcap_));
    if (bias_) score = score + F32::load(bias_ + key * width_);
    if (!ranges_) return score;
    const F32 index(static_cast<float>(key));
    return select((first_ <= index) & (index < last_), score, F32(-__builtin_inff()));
  }

 private:
  float softcap_;
  int width_;
  const float* bias_;
  bool ranges_;
  F32 first_;
  F32 last_;
};

}  // namespace mica::cpu::MICA_ISA_NS
