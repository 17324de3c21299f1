#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mica/text/tokenizer_data.h"

namespace mica::text {

/// Token types of SentencePiece and GGUF.
enum class TokenType : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

/// A SentencePiece vocabulary, whichever file it came from.
struct SpmVocabulary {
  std::vector<std::string_view> tokens;
  std::vector<float> scores;
  std::vector<TokenType> types;
  int32_t unknown = -1;
  bool unigram = false;          ///< else BPE by scores
  bool add_space_prefix = true;  ///< a space goes before the text
  bool remove_extra_spaces = false;
  std::string_view charsmap = {};  ///< precompiled replacements; may be empty
};

/// Fills the vocabulary, the pipeline and the model. `data.name` starts every message.
void use_spm_vocabulary(const SpmVocabulary& source, TokenizerData& data);

/// Sets all strings of the vocabulary and the added tokens that the types imply. Types may be fewer than tokens: the
/// rest are normal.
void set_typed_tokens(const std::vector<std::string_view>& tokens, const std::vector<TokenType>& types,
                      TokenizerData& data);

/// SentencePiece's way with spaces: "▁" for a space, one before the text when `prefix`, bytes for unknown characters.
void use_spm_spaces(bool prefix, Pipeline& pipeline);

}  // namespace mica::text
