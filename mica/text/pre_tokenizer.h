#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mica/text/regex.h"
#include "mica/text/span.h"

namespace mica::text {

/// What becomes of the matches of a splitting pattern: dropped, pieces of their own, joined to the piece before or
/// after them, or joined with the matches next to them.
enum class SplitBehavior : uint8_t { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// The pre-tokenizers of tokenizer.json, one struct each; those that only cut are all a Split.
namespace pre_tokenizers {

/// Every character for which `test` holds is a match.
struct CharTest {
  bool (*test)(uint32_t point) = nullptr;
};

/// Cuts where a pattern matches.
struct Split {
  std::variant<Regex, std::string, CharTest> pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;  ///< the text between the matches counts as the matches
};

/// Cuts as GPT-2 does and writes the bytes in GPT-2's alphabet.
struct ByteLevel {
  bool add_prefix_space = true;
  bool use_regex = true;
  /// False where the model takes bytes itself: nothing then follows that would look at the alphabet.
  bool write_alphabet = true;
};

/// Writes spaces as `replacement` and cuts before them.
struct Metaspace {
  enum class Prepend : uint8_t { always, first, never };
  std::string replacement = "▁";
  Prepend prepend = Prepend::always;
  bool split = true;
};

}  // namespace pre_tokenizers

using PreTokenizer = std::variant<pre_tokenizers::Split, pre_tokenizers::ByteLevel, pre_tokenizers::Metaspace>;

/// Text being cut: pieces of one buffer, in order, none empty.
struct Pieces {
  std::string text;
  std::vector<Span> spans;
  bool at_start = true;  ///< the first piece begins the whole input
};

void run_pre_tokenizers(const std::vector<PreTokenizer>& pre_tokenizers, Pieces& pieces);

/// The pattern that ByteLevel cuts with.
const Regex& gpt2_pattern();

}  // namespace mica::text
