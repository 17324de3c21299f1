#include "mica/base/json_scanner.h"

#include <charconv>

#include "mica/base/utf8.h"

namespace mica {

void JsonScanner::expect(char c) {
  if (accept(c)) return;
  if (at_ == text_.size()) fail_at(at_, "the text ends where '{}' should follow", c);
  fail_at(at_, "{} where '{}' should follow", quoted(text_.substr(at_, 1)), c);
}

void JsonScanner::expect_end() {
  skip_space();
  if (at_ != text_.size()) fail_at(at_, "{} after the end", quoted(text_.substr(at_, 1)));
}

std::string JsonScanner::scan_string() {
  expect('"');
  std::string out;
  while (true) {
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
           static_cast<unsigned char>(text_[at_]) >= 0x20)
      ++at_;
    out.append(text_, start, at_ - start);
    if (at_ == text_.size()) fail_at(at_, "the text ends inside a string");
    const char c = text_[at_++];
    if (c == '"') return out;
    if (c != '\\') fail_at(at_ - 1, "a control character in a string");
    scan_escape(out);
  }
}

void JsonScanner::scan_escape(std::string& out) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const size_t start = at_ - 1;
  const char c = at_ < text_.size() ? text_[at_++] : '\0';
  if (const size_t found = kEscapes.find(c); found != std::string_view::npos) {
    out += kMeanings[found];
    return;
  }
  if (c != 'u') fail_at(start, "an unknown escape in a string");
  char32_t code = scan_hex4();
  if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    const uint32_t low = scan_hex4();
    if (low < 0xdc00 || low > 0xdfff) fail_at(start, "half of a surrogate pair in a string");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  if (code >= 0xd800 && code < 0xe000) fail_at(start, "half of a surrogate pair in a string");
  append_utf8(out, code);
}

uint32_t JsonScanner::scan_hex4() {
  uint32_t value = 0;
  const std::string_view digits = text_.substr(at_, 4);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + 4) fail_at(at_, "an escape without four hex digits");
  at_ += 4;
  return value;
}

}  // namespace mica
