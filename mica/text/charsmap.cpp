#include "mica/text/charsmap.h"

#include <cstring>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/unicode.h"

namespace mica::text {
namespace {

// The bits of a double-array unit.
bool has_leaf(uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
uint32_t value_of(uint32_t unit) {
  return unit & 0x7fffffffu;
}
uint32_t label_of(uint32_t unit) {
  return unit & 0x800000ffu;
}
uint32_t offset_of(uint32_t unit) {
  return (unit >> 10) << ((unit & 0x200u) >> 6);
}

// Characters that join the character before them in one grapheme cluster. Clusters longer than a base and its marks
// exceed the 5 bytes that matter here, so the full rules of UAX #29 are not needed.
bool extends(uint32_t point) {
  return is_mark(point) || point == 0x200d || point == 0x200c;
}

size_t cluster_end(std::string_view text, size_t at) {
  const uint32_t first = next_code_point(text, at);
  if (first == '\r' && at < text.size() && text[at] == '\n') return at + 1;
  if (first == '\r' || first == '\n' || category(first) == Category::Cc) return at;
  while (at < text.size()) {
    size_t after = at;
    if (!extends(next_code_point(text, after))) break;
    at = after;
  }
  return at;
}

}  // namespace

CharsMap::CharsMap(std::string_view blob) {
  uint32_t trie_bytes = 0;
  if (blob.size() < sizeof trie_bytes) fail("precompiled_charsmap: {} bytes are too few", blob.size());
  std::memcpy(&trie_bytes, blob.data(), sizeof trie_bytes);
  blob.remove_prefix(sizeof trie_bytes);
  if (trie_bytes > blob.size() || trie_bytes % 4 != 0 || trie_bytes == 0) {
    fail("precompiled_charsmap: a trie of {} bytes does not fit in {} bytes", trie_bytes, blob.size());
  }
  units_.resize(trie_bytes / 4);
  std::memcpy(units_.data(), blob.data(), trie_bytes);
  replacements_ = blob.substr(trie_bytes);
}

// The replacement for the shortest prefix of `key` that the trie holds.
std::optional<std::string_view> CharsMap::find(std::string_view key) const {
  size_t node = offset_of(units_[0]);
  for (const char c : key) {
    const auto byte = static_cast<uint8_t>(c);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label_of(units_[node]) != byte) return std::nullopt;
    const uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return std::nullopt;
    const uint32_t begin = value_of(units_[node]);
    if (begin >= replacements_.size()) return std::nullopt;
    const size_t end = replacements_.find('\0', begin);
    return std::string_view(replacements_).substr(begin, end == std::string::npos ? end : end - begin);
  }
  return std::nullopt;
}

std::string CharsMap::apply(std::string_view text) const {
  constexpr size_t whole_below = 6;
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t end = cluster_end(text, at);
    if (end - at < whole_below) {
      if (const auto found = find(text.substr(at, end - at))) {
        out += *found;
        at = end;
        continue;
      }
    }
    while (at < end) {
      const size_t begin = at;
      next_code_point(text, at);
      const std::string_view one = text.substr(begin, at - begin);
      out += find(one).value_or(one);
    }
  }
  return to_valid_utf8(out);
}

}  // namespace mica::text
