#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mica::text {

/// The merges of a BPE model: for a pair of tokens, when it is merged (a lower rank goes first) and into which token.
class MergeTable {
 public:
  /// What a pair of tokens becomes, and when.
  struct Merge {
    uint32_t rank;
    int32_t id;
  };

  void reserve(size_t merges);
  /// Of a pair inserted twice the last one counts.
  void insert(int32_t left, int32_t right, Merge merge);
  /// The merge of the pair, or null.
  const Merge* find(int32_t left, int32_t right) const;
  bool empty() const { return used_ == 0; }

 private:
  struct Slot {
    int32_t left = -1;
    int32_t right = -1;
    Merge merge{};
  };
  size_t start(int32_t left, int32_t right) const;

  std::vector<Slot> slots_;  // open addressing; a power of two
  size_t used_ = 0;
};

}  // namespace mica::text
