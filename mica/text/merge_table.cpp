#include "mica/text/merge_table.h"

#include <bit>
#include <utility>

#include "mica/text/string_hash.h"

namespace mica::text {

size_t MergeTable::start(int32_t left, int32_t right) const {
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  return mix(mix(key)) & (slots_.size() - 1);
}

void MergeTable::reserve(size_t merges) {
  const size_t slots = std::bit_ceil(merges * 3 / 2 + 16);
  if (slots <= slots_.size()) return;
  std::vector<Slot> old(slots);
  old.swap(slots_);
  used_ = 0;
  for (const Slot& slot : old) {
    if (slot.left >= 0) insert(slot.left, slot.right, slot.merge);
  }
}

void MergeTable::insert(int32_t left, int32_t right, Merge merge) {
  if ((used_ + 1) * 4 > slots_.size() * 3) reserve(used_ * 2 + 16);
  size_t at = start(left, right);
  while (slots_[at].left >= 0 && (slots_[at].left != left || slots_[at].right != right))
    at = (at + 1) & (slots_.size() - 1);
  if (slots_[at].left < 0) ++used_;
  slots_[at] = {left, right, merge};
}

const MergeTable::Merge* MergeTable::find(int32_t left, int32_t right) const {
  if (slots_.empty()) return nullptr;
  for (size_t at = start(left, right);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.left < 0) return nullptr;
    if (slot.left == left && slot.right == right) return &slot.merge;
  }
}

}  // namespace mica::text
