#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mica/text/regex.h"

namespace mica::text {

/// The decoders of tokenizer.json, one struct each: what a token's string becomes in the text.
namespace decoders {

/// GPT-2's alphabet back to bytes; strings with other characters stay as they are.
struct ByteLevel {};
/// "<0xNN>" to the byte.
struct ByteFallback {};
struct Replace {
  std::variant<std::string, Regex> pattern;
  std::string content;
};
/// Up to `start` characters `content` off the front, up to `stop` off the end.
struct Strip {
  std::string content = " ";
  size_t start = 0;
  size_t stop = 0;
};
/// `replacement` to a space; in the first token it vanishes when `drop_first`.
struct Metaspace {
  std::string replacement = "▁";
  bool drop_first = true;
};
/// Continuations are joined, other tokens but the first get a space before them.
struct WordPiece {
  std::string prefix = "##";
  bool cleanup = true;
};

}  // namespace decoders

using Decoder = std::variant<decoders::ByteLevel, decoders::ByteFallback, decoders::Replace, decoders::Strip,
                             decoders::Metaspace, decoders::WordPiece>;

/// Turns tokens into text: steps for every token by itself, then the joined text may lose something at its front.
struct DecoderChain {
  std::vector<Decoder> steps;
  /// After joining: up to `count` times `content` off the front.
  std::string strip_content;
  size_t strip_count = 0;
  /// Without any decoder, tokens are joined with spaces.
  bool spaced = false;

  /// Appends what the token's string becomes; `first` of the text.
  void append(std::string_view token, bool first, std::string& out) const;
  /// How many bytes at the front of the joined text are stripped.
  size_t stripped_bytes(std::string_view joined) const;
};

}  // namespace mica::text
