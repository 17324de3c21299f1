// The filter wordwrap: Python's textwrap.wrap on every line.
#include <algorithm>
#include <deque>
#include <string_view>

#include "mica/base/utf8.h"
#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/characters.h"

namespace mica::jinja {
namespace {

/// Characters [begin, end) of a line.
struct Range {
  size_t begin;
  size_t end;
  size_t size() const { return end - begin; }
};

class LineWrapper {
 public:
  LineWrapper(const Text& line, size_t width, bool break_long_words, bool break_on_hyphens)
      : line_(line), width_(width), break_long_words_(break_long_words), break_on_hyphens_(break_on_hyphens) {
    for (size_t at = 0; at < line.size();) {
      starts_.push_back(at);
      characters_.push_back(next_code_point(line.bytes(), at));
    }
    starts_.push_back(line.size());
  }

  std::vector<Text> wrap();

 private:
  bool is_blank(size_t i) const { return characters_[i] == ' ' || (characters_[i] >= 0x09 && characters_[i] <= 0x0d); }
  bool is_blank(const Range& chunk) const { return is_blank(chunk.begin); }
  bool is_word(size_t i) const {
    return i < characters_.size() && (is_alphanumeric(characters_[i]) || characters_[i] == '_');
  }
  bool is_word_letter(size_t i) const { return is_word(i) && !is_digit_character(characters_[i]); }
  bool is_dash(size_t i) const { return i < characters_.size() && characters_[i] == '-'; }
  bool ends_word(size_t i) const;
  /// The end of a run of two or more dashes at `i` that joins words, or `i`.
  size_t dash_end(size_t i) const;
  bool may_break_after_hyphen(size_t begin, size_t end) const;
  size_t chunk_end(size_t begin) const;
  std::deque<Range> chunks() const;
  /// Moves as much of a chunk longer than a line as fits to the line.
  void take_part(std::deque<Range>& chunks, Range& line) const;

  const Text& line_;
  size_t width_;
  bool break_long_words_;
  bool break_on_hyphens_;
  std::vector<size_t> starts_;
  std::vector<char32_t> characters_;
};

bool LineWrapper::ends_word(size_t i) const {
  return is_word(i) || std::u32string_view(U"!\"'&.,?").find(characters_[i]) != std::u32string_view::npos;
}

size_t LineWrapper::dash_end(size_t i) const {
  if (i == 0 || !ends_word(i - 1)) return i;
  size_t end = i;
  while (is_dash(end)) ++end;
  return end - i >= 2 && is_word(end) ? end : i;
}

/// A hyphen between words of two letters or more ("re-use", "x-y-coordinate").
bool LineWrapper::may_break_after_hyphen(size_t begin, size_t end) const {
  if (end < begin + 2 || !is_dash(end - 1) || !is_word_letter(end - 2)) return false;
  const bool before =
      (end >= 3 && is_word_letter(end - 3)) || (end >= 4 && is_dash(end - 3) && is_word_letter(end - 4));
  return before && is_word_letter(end) && is_word_letter(end + (is_dash(end + 1) ? 2 : 1));
}

size_t LineWrapper::chunk_end(size_t begin) const {
  size_t end = begin + 1;
  if (is_blank(begin)) {
    while (end < characters_.size() && is_blank(end)) ++end;
    return end;
  }
  if (break_on_hyphens_ && dash_end(begin) > begin) return dash_end(begin);
  for (; end < characters_.size() && !is_blank(end); ++end) {
    if (break_on_hyphens_ && (may_break_after_hyphen(begin, end) || dash_end(end) > end)) break;
  }
  return end;
}

std::deque<Range> LineWrapper::chunks() const {
  std::deque<Range> out;
  for (size_t at = 0; at < characters_.size(); at = out.back().end) out.push_back({at, chunk_end(at)});
  return out;
}

void LineWrapper::take_part(std::deque<Range>& chunks, Range& line) const {
  Range& chunk = chunks.front();
  if (!break_long_words_) {
    if (line.size() > 0) return;
    line = chunk;
    chunks.pop_front();
    return;
  }
  size_t part = width_ - line.size();
  if (break_on_hyphens_ && chunk.size() > part) {
    size_t hyphen = part;
    while (hyphen > 0 && !is_dash(chunk.begin + hyphen - 1)) --hyphen;
    bool has_text = false;
    for (size_t i = 0; i + 1 < hyphen; ++i) has_text |= !is_dash(chunk.begin + i);
    if (has_text) part = hyphen;
  }
  line.end = chunk.begin + part;
  chunk.begin += part;
}

std::vector<Text> LineWrapper::wrap() {
  std::vector<Text> out;
  std::deque<Range> left = chunks();
  while (!left.empty()) {
    if (is_blank(left.front()) && !out.empty()) left.pop_front();
    if (left.empty()) break;
    Range line{left.front().begin, left.front().begin};
    Range last = line;
    while (!left.empty() && line.size() + left.front().size() <= width_) {
      last = left.front();
      line.end = last.end;
      left.pop_front();
    }
    if (!left.empty() && left.front().size() > width_) {
      const size_t before = line.end;
      take_part(left, line);
      if (line.end > before) last = {before, line.end};
    }
    if (line.size() > 0 && is_blank(last)) line.end = last.begin;
    if (line.size() > 0) out.push_back(line_.part(starts_[line.begin], starts_[line.end]));
  }
  return out;
}

}  // namespace

Value filter_wordwrap(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "wordwrap", {"s", "width", "break_long_words", "wrapstring", "break_on_hyphens"}, 1);
  const int64_t width = p.integer(1, 79);
  if (width <= 0) throw Failure("the width of wordwrap must be positive");
  const Text separator = p.has(3) && !p[3].is(Kind::none) ? p.text(3, "") : Text("\n");
  Text out;
  bool first = true;
  for (const Text& line : split_lines(p.string(0), false)) {
    interpreter.charge(line.size());
    if (!first) out.append(separator);
    first = false;
    LineWrapper wrapper(line, static_cast<size_t>(width), p.boolean(2, true), p.boolean(4, true));
    const std::vector<Text> parts = wrapper.wrap();
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) out.append(separator);
      out.append(parts[i]);
    }
  }
  return Value::string(std::move(out));
}

}  // namespace mica::jinja
