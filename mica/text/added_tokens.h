#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mica/base/function_ref.h"
#include "mica/text/span.h"

namespace mica::text {

/// A token that is found in the text as it stands, before the model sees it.
struct AddedToken {
  std::string content;
  int32_t id = -1;
  bool single_word = false;  ///< not next to a word character
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space after it
  bool normalized = false;   ///< looked for after normalization, in its normalized form
  bool special = false;      ///< control token: not part of the text proper

  /// Whether user text must not produce this token: control tokens, and tokens in brackets (<think>, <|User|>,
  /// [INST] …), which models take as control tokens even where their vocabulary doesn't say so.
  bool controls() const;
};

/// A stretch of text: an added token's when `id` is not negative, else text for the model.
struct Segment {
  Span span;
  int32_t id = -1;
};

/// What may be found where.
struct AddedTokenFilter {
  bool special = true;                   ///< find special tokens at all
  std::span<const Span> untrusted = {};  ///< where tokens that control are never found; sorted
  bool all_untrusted = false;
};

/// Finds added tokens in a text: from left to right, the longest one at each place.
class AddedTokenMatcher {
 public:
  /// Throws Error when a token is longer than 4 KiB.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens = {});
  bool empty() const { return tokens_.empty(); }
  /// Cuts the text into segments; empty stretches of text are left out.
  std::vector<Segment> split(std::string_view text, const AddedTokenFilter& filter) const;

 private:
  const AddedToken* longest_at(std::string_view text, size_t at, const AddedTokenFilter& filter) const;
  bool allowed(const AddedToken& token, Span span, const AddedTokenFilter& filter) const;

  std::vector<AddedToken> tokens_;  // sorted by content
  std::array<bool, 256> first_bytes_{};
};

}  // namespace mica::text
