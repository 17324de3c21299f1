#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mica/text/merge_table.h"
#include "mica/text/vocab.h"

namespace mica::text {

/// Builds a MergeTable from pairs of token strings as files list them, best first.
class MergeBuilder {
 public:
  /// `bytes`: the strings are in GPT-2's alphabet and the vocabulary has raw bytes. `prefix_bytes`: what the right
  /// token of a merge loses at its front (the prefix of continuations).
  MergeBuilder(const Vocab& vocab, bool bytes, size_t merges, size_t prefix_bytes = 0);

  /// Takes the next pair; false when a part or the whole is not in the vocabulary (the pair still takes its rank).
  bool add(std::string_view left, std::string_view right);

  MergeTable take() { return std::move(table_); }

 private:
  std::optional<int32_t> find_whole() const;

  const Vocab& vocab_;
  bool bytes_;
  size_t prefix_bytes_;
  uint32_t rank_ = 0;
  int32_t last_ = -1;  // the token of the last merge: the next one's id often follows
  std::string whole_;  // scratch that keeps its memory
  MergeTable table_;
};

}  // namespace mica::text
