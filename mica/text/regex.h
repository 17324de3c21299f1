#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "mica/base/function_ref.h"

namespace mica::text {

namespace regex {
struct Program;
}

/// A regular expression in the syntax of Oniguruma (which Hugging Face tokenizers are written in) over the Unicode 16
/// tables of mica: classes with nesting, && and \p{…}, greedy, lazy and possessive quantifiers, look-ahead, look-behind
/// of fixed length, atomic groups, (?i). Without back references and recursion. Case folding is simple folding.
/// Matching time is bounded: see for_matches. Immutable and safe to share between threads; copies are cheap.
class Regex {
 public:
  /// Throws Error naming the pattern and the offset.
  explicit Regex(std::string_view pattern);

  /// Calls `use(begin, end)` for all matches from left to right, leftmost first and with the priorities of a
  /// backtracking matcher. An empty match counts unless it touches the match before it. `text` must be valid UTF-8.
  /// Throws Error when the expression needs far more steps than the text has bytes (catastrophic backtracking).
  void for_matches(std::string_view text, FunctionRef<void(size_t begin, size_t end)> use) const;

 private:
  std::shared_ptr<const regex::Program> program_;
};

}  // namespace mica::text
