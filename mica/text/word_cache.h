#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mica::text {

/// Tokens of words seen before, within one call of encode(). A newer word takes the place of an older one with the same
/// slot.
class WordCache {
 public:
  /// The tokens of a word, or an empty span. Valid until the next insert().
  std::span<const int32_t> find(std::string_view word, uint64_t hash) const;
  void insert(std::string_view word, uint64_t hash, std::span<const int32_t> tokens);

 private:
  static constexpr size_t max_tokens = 7;
  static constexpr size_t max_bytes = 31;
  struct Entry {
    uint8_t length = 0;
    uint8_t count = 0;
    std::array<char, max_bytes> word{};
    std::array<int32_t, max_tokens> tokens{};
  };
  static constexpr size_t slots = 4096;
  static constexpr size_t words_before_table = 64;
  size_t words_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace mica::text
