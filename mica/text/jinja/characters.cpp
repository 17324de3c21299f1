#include "mica/text/jinja/characters.h"

#include "mica/base/utf8.h"
#include "mica/text/unicode.h"

namespace mica::jinja {
namespace {

using text::Category;

std::string utf8(char32_t c) {
  std::string out;
  append_utf8(out, c);
  return out;
}

/// The title case of the digraphs that have one of their own (Ǆ ǅ ǆ …), else 0.
char32_t title_digraph(char32_t c) {
  if (c >= 0x1c4 && c <= 0x1cc) return 0x1c5 + (c - 0x1c4) / 3 * 3;
  return c >= 0x1f1 && c <= 0x1f3 ? 0x1f2 : 0;
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t leading_space(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t next = at;
    if (!is_space(next_code_point(text, next))) break;
    at = next;
  }
  return at;
}

size_t trailing_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;
    while (start > 0 && (text[start] & 0xc0) == 0x80) --start;
    size_t at = start;
    if (!is_space(next_code_point(text, at))) break;
    end = start;
  }
  return text.size() - end;
}

bool is_upper(char32_t c) {
  return text::category(c) == Category::Lu;
}
bool is_lower(char32_t c) {
  return text::category(c) == Category::Ll || c == 0xaa || c == 0xba;
}
bool is_letter(char32_t c) {
  return text::is_letter(c);
}
bool is_alphanumeric(char32_t c) {
  return text::is_letter(c) || text::is_number(c);
}

bool is_digit_character(char32_t c) {
  const bool superscript = c == 0xb2 || c == 0xb3 || c == 0xb9 || (c >= 0x2070 && c <= 0x2089);
  const Category kind = text::category(c);
  return kind == Category::Nd || (superscript && kind == Category::No);
}

bool is_printable(char32_t c) {
  const char major = text::major_category(c);
  return c == ' ' || (major != 'C' && major != 'Z');
}

std::string upper_case(char32_t c) {
  return c == U'ß' ? "SS" : utf8(text::to_upper(c));
}
std::string lower_case(char32_t c) {
  return c == U'İ' ? "i\xcc\x87" : utf8(text::to_lower(c));
}

std::string title_case(char32_t c) {
  if (c == U'ß') return "Ss";
  const char32_t digraph = title_digraph(c);
  return utf8(digraph ? digraph : text::to_upper(c));
}

}  // namespace mica::jinja
