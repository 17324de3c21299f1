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

/// How many code points well-formed UTF-8 holds.
size_t count_code_points(std::string_view text);

}  // namespace mica
