#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mica/text/char_set.h"

namespace mica::text::regex {

/// Reads a pattern (valid UTF-8) character by character; every complaint names the pattern and the offset.
class PatternReader {
 public:
  explicit PatternReader(std::string_view pattern) : pattern_(pattern) {}

  bool at_end() const { return at_ == pattern_.size(); }
  size_t position() const { return at_; }
  void rewind(size_t position) { at_ = position; }
  /// The next character, or 0 at the end.
  uint32_t peek() const;
  /// Takes the next character; the end is an Error.
  uint32_t next();
  bool accept(char c);
  bool accept(std::string_view text);
  void expect(char c);
  /// A decimal number of at most `limit`, or nothing when no digit follows.
  std::optional<uint32_t> number(uint32_t limit);
  /// Up to `max_digits` hexadecimal digits, at least one.
  uint32_t hexadecimal(int max_digits);
  /// The text up to `end`, which is taken too.
  std::string_view until(char end);
  [[noreturn]] void refuse(std::string_view what) const;

 private:
  std::string_view pattern_;
  size_t at_ = 0;
};

/// What a backslash stands for: a class of characters (\s, \p{L} …) or one character (\n, \x41, \. …).
struct Escape {
  std::optional<PointSet> set;
  uint32_t point = 0;
};

/// Parses what follows a backslash, inside or outside of brackets.
Escape parse_class_escape(PatternReader& in);

/// Parses a bracketed class after its "[": ranges, nested classes, && intersections and [:posix:] names.
PointSet parse_class(PatternReader& in, bool ignore_case, int depth = 0);

}  // namespace mica::text::regex
