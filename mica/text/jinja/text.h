#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mica/text/span.h"

namespace mica::jinja {

using text::Span;

/// What goes wrong in a template, without its place: the interpreter adds the template's name and line.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// No string inside a template may get longer.
constexpr size_t kMaxTextBytes = size_t{64} << 20;

/// UTF-8 text that remembers which of its bytes come from the user. Every string operation of the template engine keeps
/// that: what is cut out of, or put together from, user text is user text still.
class Text {
 public:
  Text() = default;
  /// Text of the template itself: trusted.
  explicit Text(std::string trusted) : bytes_(std::move(trusted)) {}
  static Text from_user(std::string bytes);
  /// `bytes` as a whole, untrusted if any part of `source` is: for operations that do not map bytes to bytes.
  static Text like(const Text& source, std::string bytes);

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  /// Sorted, apart from each other, not empty.
  const std::vector<Span>& untrusted() const { return untrusted_; }
  bool is_untrusted(size_t at) const;
  /// Where the bytes of the same trust as byte `at` end.
  size_t end_of_run(size_t at) const;
  /// Whether it is safe HTML (Python's Markup, made by the filters safe and escape): what is added to it gets escaped.
  bool is_markup() const { return markup_; }
  /// The same text with or without that mark.
  Text as_markup(bool markup) const;

  /// Bytes [begin, end), which must lie inside. A part of markup is markup.
  Text part(size_t begin, size_t end) const;
  /// Throws Failure past kMaxTextBytes.
  void append(std::string_view trusted);
  void append(const Text& text) { append(text, 0, text.size()); }
  /// Bytes [begin, end) of `text`.
  void append(const Text& text, size_t begin, size_t end);
  /// `bytes` with the trust of `like`'s byte `at`.
  void append_like(const Text& like, size_t at, std::string_view bytes);

 private:
  void grow(std::string_view bytes);
  void mark(size_t begin, size_t end);

  std::string bytes_;
  std::vector<Span> untrusted_;
  bool markup_ = false;
};

/// `text` as markup, with & < > " and ' as HTML entities; markup stays as it is.
Text escaped(const Text& text);

}  // namespace mica::jinja
