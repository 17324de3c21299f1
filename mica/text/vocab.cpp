#include "mica/text/vocab.h"

#include <bit>

#include "mica/base/error.h"

namespace mica::text {

void Vocab::reserve(size_t tokens, size_t bytes) {
  bytes_.reserve(bytes);
  entries_.reserve(tokens);
  grow(std::bit_ceil(tokens * 2 + 16));
}

void Vocab::set(int32_t id, std::string_view text) {
  if (id < 0 || id > max_id) fail("vocabulary: token id {} is out of range", id);
  if (bytes_.size() + text.size() >= absent) fail("vocabulary: more than 4 GiB of token text");
  if (id >= size()) entries_.resize(static_cast<size_t>(id) + 1);
  entries_[static_cast<size_t>(id)] = {static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(text.size())};
  bytes_.append(text);
}

void Vocab::index(int32_t id) {
  if ((used_ + 1) * 4 > slots_.size() * 3) grow(std::bit_ceil(slots_.size() * 2 + 16));
  const std::string_view own = text(id);
  const auto hash = static_cast<uint32_t>(hash_string(own));
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.id < 0) {
      slot = {hash, id};
      ++used_;
      return;
    }
    if (slot.hash == hash && text(slot.id) == own) {
      slot.id = id;
      return;
    }
  }
}

std::optional<int32_t> Vocab::find(std::string_view wanted, uint64_t full_hash) const {
  if (slots_.empty()) return std::nullopt;
  const auto hash = static_cast<uint32_t>(full_hash);
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.id < 0) return std::nullopt;
    if (slot.hash == hash && text(slot.id) == wanted) return slot.id;
  }
}

void Vocab::grow(size_t slots) {
  if (slots <= slots_.size()) return;
  std::vector<Slot> old(slots);
  old.swap(slots_);
  const size_t mask = slots - 1;
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    size_t at = slot.hash & mask;
    while (slots_[at].id >= 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace mica::text
