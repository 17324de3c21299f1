#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mica/text/charsmap.h"
#include "mica/text/normalize.h"
#include "mica/text/regex.h"

namespace mica::text {

/// What a tokenizer does to text before it cuts it up: the normalizers of tokenizer.json, one struct each.
namespace normalizers {

/// A Unicode normalization form.
struct Form {
  NormalForm form = NormalForm::nfc;
};
struct Lowercase {};
struct StripAccents {};
/// Replaces every match of a pattern, which is a string or an expression.
struct Replace {
  std::variant<std::string, Regex> pattern;
  std::string content;
};
/// Puts a prefix before text that is not empty.
struct Prepend {
  std::string prefix;
};
/// Removes white space at the ends.
struct Strip {
  bool left = true;
  bool right = true;
};
/// What BERT's tokenizers do.
struct Bert {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};
/// Removes control characters and turns odd spaces into plain ones, as SentencePiece's nmt rules do.
struct Nmt {};
/// SentencePiece's table of replacements.
struct Precompiled {
  std::shared_ptr<const CharsMap> map;
};
/// Writes the UTF-8 bytes in GPT-2's alphabet.
struct ByteLevel {};

}  // namespace normalizers

using Normalizer = std::variant<normalizers::Form, normalizers::Lowercase, normalizers::StripAccents,
                                normalizers::Replace, normalizers::Prepend, normalizers::Strip, normalizers::Bert,
                                normalizers::Nmt, normalizers::Precompiled, normalizers::ByteLevel>;

/// Applies normalizers one after the other to valid UTF-8.
std::string run_normalizers(const std::vector<Normalizer>& normalizers, std::string_view text);

/// `text` with every match of the pattern replaced.
std::string replace_all(const std::variant<std::string, Regex>& pattern, std::string_view text,
                        std::string_view content);

}  // namespace mica::text
