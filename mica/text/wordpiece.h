#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mica/text/vocab.h"

namespace mica::text {

/// BERT's model: the longest token that a word begins with, then the longest continuation, and so on; a word that can't
/// be covered is one unknown token.
struct WordPiece {
  int32_t unknown = -1;
  std::string continuing_prefix = "##";
  size_t max_characters = 100;  ///< longer words are unknown

  void encode(std::string_view word, const Vocab& vocab, std::vector<int32_t>& out) const;
};

}  // namespace mica::text
