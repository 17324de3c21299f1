#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mica {

inline constexpr uint32_t replacement_character = 0xfffd;

/// One decoded character: `length` bytes were read (at least 1). When they are not well-formed UTF-8, `valid` is false,
/// `point` is U+FFFD and `length` covers the longest prefix of a character there ("maximal subpart", Unicode 16 §3.9).
struct Decoded {
  uint32_t point;
  uint8_t length;
  bool valid;
};

/// Decodes the character at text[at]; `at` must be inside the text. Surrogates and overlong forms are not valid.
Decoded decode_utf8(std::string_view text, size_t at);

/// The code point at text[at] of a text known to be valid UTF-8; moves `at` past it.
inline uint32_t next_code_point(std::string_view text, size_t& at) {
  const auto lead = static_cast<uint8_t>(text[at]);
  if (lead < 0x80) return ++at, lead;
  const auto tail = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[at + i]) & 0x3f); };
  uint32_t point = 0;
  if (lead < 0xe0) {
    point = (lead & 0x1fu) << 6 | tail(1);
    at += 2;
  } else if (lead < 0xf0) {
    point = (lead & 0x0fu) << 12 | tail(1) << 6 | tail(2);
    at += 3;
  } else {
    point = (lead & 0x07u) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
    at += 4;
  }
  return point;
}

/// Where the character that ends before text[at] begins (valid UTF-8, at > 0).
inline size_t previous_start(std::string_view text, size_t at) {
  do --at;
  while ((static_cast<uint8_t>(text[at]) & 0xc0) == 0x80);
  return at;
}

/// Appends the UTF-8 form of `point`; surrogates and values past U+10FFFF become U+FFFD.
void append_utf8(std::string& out, uint32_t point);

/// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// Bytes of the character that starts with the byte `first` of well-formed UTF-8.
constexpr size_t utf8_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// How many characters well-formed UTF-8 holds.
size_t count_code_points(std::string_view text);

/// `text` with every ill-formed sequence replaced by U+FFFD, as Python's errors="replace" and browsers do.
std::string to_valid_utf8(std::string_view text);

/// Number of trailing bytes of `text` that begin a character whose rest may still come (0 to 3).
size_t unfinished_tail(std::string_view text);

}  // namespace mica
