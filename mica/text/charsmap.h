#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mica::text {

/// SentencePiece's precompiled_charsmap: a trie (double array) from UTF-8 sequences to their normalized forms.
class CharsMap {
 public:
  /// Reads the blob: u32 size of the trie in bytes, the trie's u32 units, the NUL-terminated replacements. Throws Error
  /// when sizes don't add up.
  explicit CharsMap(std::string_view blob);

  /// Hugging Face's rule: grapheme clusters of up to 5 bytes are replaced as a whole when the trie knows a prefix of
  /// them, other text character by character.
  std::string apply(std::string_view text) const;

 private:
  std::optional<std::string_view> find(std::string_view key) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace mica::text
