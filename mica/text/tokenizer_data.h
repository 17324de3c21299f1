#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mica/text/added_tokens.h"
#include "mica/text/bpe.h"
#include "mica/text/decoder.h"
#include "mica/text/normalizer.h"
#include "mica/text/pre_tokenizer.h"
#include "mica/text/unigram.h"
#include "mica/text/vocab.h"
#include "mica/text/wordpiece.h"

namespace mica::text {

using Model = std::variant<WordPiece, Bpe, Unigram>;

/// What cuts, models and joins text: the parts of a tokenizer.json.
struct Pipeline {
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  DecoderChain decoder;
  std::vector<int32_t> prefix;  ///< put before a text's tokens
  std::vector<int32_t> suffix;  ///< and after them

  /// The model sees text in GPT-2's alphabet.
  bool byte_level() const;
};

/// Everything a Tokenizer knows. Loaders fill it and call finish().
struct TokenizerData {
  std::string name;  ///< file, for messages
  Pipeline pipeline;
  Vocab vocab;
  /// The vocabulary's strings are kept as the bytes that they stand for in GPT-2's alphabet.
  bool byte_vocab = false;
  Model model;
  std::vector<AddedToken> added;
  std::optional<int32_t> bos, eos, unk, pad;
  std::vector<int32_t> end_tokens;
  std::vector<std::pair<std::string, std::string>> templates;

  /// Sets the string of a token of the model. Tokens that `control` text may not produce are not indexed.
  void set_token(int32_t id, std::string_view text, bool control);
  /// The id of a token by its string as files write it.
  std::optional<int32_t> find_token(std::string_view text) const;
  /// Derives what encoding and decoding look up, once all the above is set.
  void finish();

  // Derived.
  AddedTokenMatcher raw_tokens;         ///< found in the text as it stands
  AddedTokenMatcher normalized_tokens;  ///< found in normalized text
  std::vector<bool> special;            ///< by id
  std::vector<bool> literal;            ///< by id: with byte_vocab, the string is text, not bytes
  bool unmap_pieces = false;            ///< pieces reach the model in GPT-2's alphabet
};

}  // namespace mica::text
