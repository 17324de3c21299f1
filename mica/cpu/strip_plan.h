#pragma once

#include <optional>
#include <span>
#include <vector>

#include "mica/cpu/kernels/strips.h"
#include "mica/transforms/fused.h"

namespace mica::cpu {

/// The steps of a Fused as a program over strips, for chains of float32 and half precision with the truth values that
/// comparisons give. Every step is the function that the single operation's loop calls, so that results are the same to
/// the bit.
class StripPlan {
 public:
  /// Nothing if a step or an input is of another kind.
  static std::optional<StripPlan> make(const Fused& fused, std::span<const array> inputs);

  const std::vector<StripStep>& steps(bool is_streamed) const { return is_streamed ? streamed_ : steps_; }
  /// Results that are kept for later; their values follow those of the inputs.
  int kept() const { return kept_; }

 private:
  std::vector<StripStep> steps_;
  std::vector<StripStep> streamed_;
  int kept_ = 0;
};

}  // namespace mica::cpu
