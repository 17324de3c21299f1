#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "mica/text/vocab.h"

namespace mica::text {

/// SentencePiece's unigram model: the way to cut a piece into tokens with the highest sum of scores.
class Unigram {
 public:
  /// Scores (log probabilities) by token id. `unknown` is -1 when the model has none: then a piece that can't be
  /// covered is an Error.
  Unigram(std::vector<double> scores, int32_t unknown, bool byte_fallback, const Vocab& vocab);

  void encode(std::string_view piece, const Vocab& vocab, std::vector<int32_t>& out) const;

 private:
  void append_unknown(std::string_view text, std::vector<int32_t>& out) const;

  std::vector<double> scores_;
  int32_t unknown_;
  bool byte_fallback_;
  double unknown_score_ = 0;
  size_t longest_ = 0;          // bytes of the longest token
  std::vector<bool> prefixes_;  // hashes of all prefixes of tokens: ends a search early
  std::array<int32_t, 256> byte_tokens_{};
};

}  // namespace mica::text
