#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mica::jinja {

/// Bytes of white space (Python's str.isspace) at the start and at the end of UTF-8 text.
size_t leading_space(std::string_view text);
size_t trailing_space(std::string_view text);

/// Python's character classes.
bool is_space(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_letter(char32_t c);
/// str.isalnum and str.isdigit.
bool is_alphanumeric(char32_t c);
bool is_digit_character(char32_t c);
/// What repr() shows as it is.
bool is_printable(char32_t c);

/// Upper, lower and title case of a character, as UTF-8: more than one character for the likes of ß.
std::string upper_case(char32_t c);
std::string lower_case(char32_t c);
std::string title_case(char32_t c);

}  // namespace mica::jinja
