#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "mica/lm/answer.h"

namespace mica::lm {

/// Guesses the tokens that follow a text: drafts, which a model checks in one step (https://arxiv.org/abs/2211.17192).
class Drafter {
 public:
  virtual ~Drafter() = default;

  /// Begins with a text. Asked between parts of the work, `interrupted` (if there is one) can end it: false.
  virtual bool start(std::span<const int32_t> text, const std::function<bool()>& interrupted) = 0;

  /// The text has gone on.
  virtual void add(int32_t token) = 0;

  /// How likely token number `index` of a draft made now is right, if those before it are; 0: there is none.
  virtual double chance(int64_t index) const = 0;

  /// Seconds that a draft of `count` tokens takes.
  virtual double seconds(int64_t count) const = 0;

  /// Guesses the next tokens of the answer, at most `count`, behind those in `out`.
  virtual void draft(int64_t count, const Answer& answer, std::vector<int32_t>& out) = 0;

  /// Tells how many tokens of a draft of `count` were right.
  virtual void checked(int64_t count, int64_t right) = 0;
};

}  // namespace mica::lm
