#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "mica/base/error.h"

namespace mica {

/// The lexical forms of JSON: punctuation and strings. What parsers of JSON and of formats with JSON inside build on.
/// The text must be UTF-8.
class JsonScanner {
 public:
  /// Errors read "<name>: <place> <offset>: …", the offset counted from `start`.
  JsonScanner(std::string_view text, std::string_view name, std::string_view place, size_t start = 0)
      : text_(text), name_(name), place_(place), start_(start) {}

  size_t at() const { return at_; }
  /// What is left of the text.
  std::string_view rest() const { return text_.substr(at_); }
  void advance(size_t bytes) { at_ += bytes; }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  /// The next character after white space; '\0' at the end.
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  /// Whether the next character after white space is `c`; reads it if so.
  bool accept(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void expect(char c);
  /// Only white space may be left.
  void expect_end();
  /// A string with its escapes resolved.
  std::string scan_string();

  template <typename... Args>
  [[noreturn]] void fail_at(size_t at, fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: {} {}: {}", name_, place_, start_ + at, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  void scan_escape(std::string& out);
  uint32_t scan_hex4();

  std::string_view text_;
  std::string_view name_;
  std::string_view place_;
  size_t start_;
  size_t at_ = 0;
};

}  // namespace mica
