#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mica {

/// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// Appends `code_point` (a Unicode scalar value) to `out`.
void append_utf8(std::string& out, char32_t code_point);

/// The code point that starts at `at` in well-formed UTF-8; `at` moves to the next one.
char32_t next_code_point(std::string_view text, size_t& at);

/// Bytes of the code point that starts with the byte `first` of well-formed UTF-8.
constexpr size_t utf8_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// How many code points well-formed UTF-8 holds.
size_t count_code_points(std::string_view text);

}  // namespace mica
