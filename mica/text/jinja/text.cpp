#include "mica/text/jinja/text.h"

#include <algorithm>

namespace mica::jinja {

Text Text::from_user(std::string bytes) {
  Text out(std::move(bytes));
  out.mark(0, out.size());
  return out;
}

Text Text::like(const Text& source, std::string bytes) {
  return source.untrusted_.empty() ? Text(std::move(bytes)) : from_user(std::move(bytes));
}

bool Text::is_untrusted(size_t at) const {
  const auto span = std::ranges::upper_bound(untrusted_, at, {}, &Span::end);
  return span != untrusted_.end() && span->begin <= at;
}

size_t Text::end_of_run(size_t at) const {
  const auto span = std::ranges::upper_bound(untrusted_, at, {}, &Span::end);
  if (span == untrusted_.end()) return size();
  return span->begin <= at ? span->end : span->begin;
}

Text Text::part(size_t begin, size_t end) const {
  Text out;
  out.append(*this, begin, end);
  out.markup_ = markup_;
  return out;
}

Text Text::as_markup(bool markup) const {
  Text out = *this;
  out.markup_ = markup;
  return out;
}

void Text::grow(std::string_view bytes) {
  if (bytes.size() > kMaxTextBytes - bytes_.size()) throw Failure("a string longer than 64 MiB");
  bytes_ += bytes;
}

void Text::mark(size_t begin, size_t end) {
  if (begin == end) return;
  if (!untrusted_.empty() && untrusted_.back().end == begin) {
    untrusted_.back().end = end;
  } else {
    untrusted_.push_back({begin, end});
  }
}

void Text::append(std::string_view trusted) {
  grow(trusted);
}

void Text::append(const Text& text, size_t begin, size_t end) {
  if (begin >= end) return;
  const size_t start = size();
  grow(std::string_view(text.bytes_).substr(begin, end - begin));
  auto span = std::ranges::upper_bound(text.untrusted_, begin, {}, &Span::end);
  for (; span != text.untrusted_.end() && span->begin < end; ++span) {
    mark(start + std::max(span->begin, begin) - begin, start + std::min(span->end, end) - begin);
  }
}

void Text::append_like(const Text& like, size_t at, std::string_view bytes) {
  const size_t start = size();
  grow(bytes);
  if (like.is_untrusted(at)) mark(start, size());
}

Text escaped(const Text& text) {
  if (text.is_markup()) return text;
  Text out;
  const std::string& bytes = text.bytes();
  size_t plain = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    const std::string_view shown = c == '&'    ? "&amp;"
                                   : c == '<'  ? "&lt;"
                                   : c == '>'  ? "&gt;"
                                   : c == '"'  ? "&#34;"
                                   : c == '\'' ? "&#39;"
                                               : "";
    if (shown.empty()) continue;
    out.append(text, plain, i);
    out.append_like(text, i, shown);
    plain = i + 1;
  }
  out.append(text, plain, bytes.size());
  return out.as_markup(true);
}

}  // namespace mica::jinja
