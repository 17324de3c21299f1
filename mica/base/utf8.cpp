#include "mica/base/utf8.h"

#include <algorithm>

#include <simdjson.h>

namespace mica {

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text);
}

void append_utf8(std::string& out, char32_t c) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80u | ((c >> shift) & 0x3fu)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0u | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0u | (c >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0u | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

char32_t next_code_point(std::string_view text, size_t& at) {
  const auto first = static_cast<unsigned char>(text[at++]);
  if (first < 0x80) return first;
  const int tails = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  char32_t c = first & (0x3fu >> tails);
  for (int i = 0; i < tails && at < text.size(); ++i) c = (c << 6) | (static_cast<unsigned char>(text[at++]) & 0x3fu);
  return c;
}

size_t count_code_points(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace mica
