#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mica/text/string_hash.h"

namespace mica::text {

/// The strings of a vocabulary by id, and their ids by string. All strings lie in one block of memory.
class Vocab {
 public:
  /// Ids past this are refused: no vocabulary comes near it.
  static constexpr int64_t max_id = (int64_t{1} << 22) - 1;

  /// Room for so many tokens of so many bytes in all.
  void reserve(size_t tokens, size_t bytes);
  /// Sets the string of `id` (0 to max_id); ids between that are never set stay without one. Not found by find().
  void set(int32_t id, std::string_view text);
  /// Lets find(text(id)) return `id`; of two tokens with the same string the one indexed last is found.
  void index(int32_t id);

  /// One past the highest id.
  int32_t size() const { return static_cast<int32_t>(entries_.size()); }
  bool has(int64_t id) const { return id >= 0 && id < size() && entries_[static_cast<size_t>(id)].length != absent; }
  /// The string of an id for which has() is true.
  std::string_view text(int32_t id) const {
    const Entry& e = entries_[static_cast<size_t>(id)];
    return {bytes_.data() + e.begin, e.length};
  }
  std::optional<int32_t> find(std::string_view text) const { return find(text, hash_string(text)); }
  std::optional<int32_t> find(std::string_view text, uint64_t hash) const;

 private:
  static constexpr uint32_t absent = UINT32_MAX;
  struct Entry {
    uint32_t begin = 0;
    uint32_t length = absent;
  };
  struct Slot {
    uint32_t hash = 0;
    int32_t id = -1;
  };
  void grow(size_t slots);

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;  // open addressing; a power of two
  size_t used_ = 0;
};

}  // namespace mica::text
