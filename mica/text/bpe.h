#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mica/text/merge_table.h"
#include "mica/text/vocab.h"

namespace mica::text {

/// Where the next "▁" stands in text[from + 1 …] that doesn't follow another "▁"; npos when there is none.
size_t next_word(std::string_view text, size_t from);

/// Byte pair encoding: a piece of text starts as bytes or characters, and neighbours are merged, always the pair of the
/// lowest rank first and of equal ranks the leftmost. Two sources of ranks: a list of merges (GPT-2, Hugging Face), or
/// the scores of the tokens, where any two neighbours merge that form a token (SentencePiece).
class Bpe {
 public:
  /// How merges are applied and unknown characters spelled.
  struct Options {
    bool bytes = false;             ///< start from bytes: the vocabulary's strings are raw bytes
    bool ignore_merges = false;     ///< a piece that is a token stays whole
    bool byte_fallback = false;     ///< unknown characters become <0xNN> tokens
    bool fuse_unknown = false;      ///< neighbouring unknown characters become one unknown token
    int32_t unknown = -1;           ///< id, or -1: unknown characters vanish
    std::string continuing_prefix;  ///< put before every character of a piece but the first
    std::string end_suffix;         ///< put after the last character of a piece
  };

  /// With a list of merges.
  Bpe(Options options, const Vocab& vocab, MergeTable merges);
  /// With scores by token id; a higher score merges first. Tokens that may not come from merging must not be indexed in
  /// the vocabulary.
  Bpe(Options options, const Vocab& vocab, const std::vector<float>& scores);

  /// No token has "▁" after another character: text can be cut before every "▁" that follows something else, and the
  /// parts encoded by themselves, with the same result.
  bool words_begin_at_spaces() const { return words_begin_at_spaces_; }

  /// Appends the tokens of one piece. O(n log n) in its length.
  void encode(std::string_view piece, const Vocab& vocab, std::vector<int32_t>& out) const;

 private:
  struct Symbol {
    int32_t id;
    uint32_t begin;   // in the piece, for merging by score
    uint32_t length;  // 0 once merged into its left neighbour
    int32_t previous;
    int32_t next;
  };
  class Merging;

  void find_base_tokens(const Vocab& vocab);
  std::vector<Symbol> start_symbols(std::string_view piece, const Vocab& vocab) const;
  void start_character(std::string_view piece, size_t begin, size_t end, const Vocab& vocab,
                       std::vector<Symbol>& out) const;
  void add_unknown(std::string_view character, uint32_t begin, std::vector<Symbol>& out) const;

  Options options_;
  MergeTable merges_;
  bool words_begin_at_spaces_ = false;
  std::vector<uint32_t> score_ranks_;       // by token id; empty with a list of merges
  std::array<int32_t, 256> byte_tokens_{};  // id of every byte, or -1
};

}  // namespace mica::text
