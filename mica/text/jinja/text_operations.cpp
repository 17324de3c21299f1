// String operations that filters and methods share. All work on characters and keep track of user text.
#include <algorithm>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/characters.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {

Text stripped(const Text& text, const std::optional<Text>& characters, bool left, bool right) {
  const std::string& bytes = text.bytes();
  if (!characters) {
    const size_t begin = left ? leading_space(bytes) : 0;
    const size_t end = right ? bytes.size() - trailing_space(std::string_view(bytes).substr(begin)) : bytes.size();
    return text.part(begin, end);
  }
  const std::string& set = characters->bytes();
  const auto in_set = [&](std::string_view character) {
    // A match inside another character is none: UTF-8 never lets that happen.
    return set.find(character) != std::string::npos;
  };
  size_t begin = 0;
  size_t end = bytes.size();
  while (left && begin < end && in_set(std::string_view(bytes).substr(begin, utf8_length(bytes[begin])))) {
    begin += utf8_length(bytes[begin]);
  }
  while (right && begin < end) {
    size_t last = end - 1;
    while ((bytes[last] & 0xc0) == 0x80) --last;
    if (!in_set(std::string_view(bytes).substr(last, end - last))) break;
    end = last;
  }
  return text.part(begin, end);
}

Text replaced(const Text& text, const Text& from, const Text& to, int64_t count) {
  const std::string& bytes = text.bytes();
  const std::string& old = from.bytes();
  Text out;
  size_t done = 0;
  size_t at = 0;
  for (int64_t n = 0; count < 0 || n < count; ++n) {
    const size_t found = bytes.find(old, at);
    if (found == std::string::npos) break;
    out.append(text, done, found);
    out.append(to);
    done = found + old.size();
    if (!old.empty()) {
      at = done;
    } else {
      // An empty pattern matches before every character and at the end.
      if (found == bytes.size()) break;
      at = found + utf8_length(bytes[found]);
    }
  }
  out.append(text, done, bytes.size());
  return out;
}

Text map_case(const Text& text, std::string (*convert)(char32_t)) {
  Text out;
  const std::string& bytes = text.bytes();
  // One piece for each run of the same trust.
  for (size_t at = 0; at < bytes.size();) {
    const size_t start = at;
    const size_t end = text.end_of_run(at);
    std::string converted;
    converted.reserve(end - start);
    while (at < end) converted += convert(next_code_point(bytes, at));
    out.append_like(text, start, converted);
  }
  return out.as_markup(text.is_markup());
}

Text capitalized(const Text& text) {
  if (text.empty()) return text;
  const size_t first = utf8_length(text.bytes()[0]);
  Text out = map_case(text.part(0, first), title_case);
  out.append(map_case(text.part(first, text.size()), lower_case));
  return out.as_markup(text.is_markup());
}

Text joined(Interpreter& interpreter, const Text& separator, const std::vector<Value>& items) {
  Text out;
  for (size_t i = 0; i < items.size(); ++i) {
    interpreter.charge(items[i].weight() + separator.size() / 8);
    if (i > 0) out.append(separator);
    out.append(to_text(items[i]));
  }
  return out;
}

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  std::vector<Text> out;
  const std::string& bytes = text.bytes();
  size_t line = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t start = at;
    const char32_t c = next_code_point(bytes, at);
    const bool ends = (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!ends) continue;
    if (c == '\r' && at < bytes.size() && bytes[at] == '\n') ++at;
    out.push_back(text.part(line, keep_ends ? at : start));
    line = at;
  }
  if (line < bytes.size()) out.push_back(text.part(line, bytes.size()));
  return out;
}

std::vector<Value> characters_of(const Text& text) {
  std::vector<Value> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at + utf8_length(text.bytes()[at]);
    out.push_back(Value::string(text.part(at, end)));
    at = end;
  }
  return out;
}

Value ignoring_case(const Value& value) {
  return value.is(Kind::string) ? Value::string(map_case(value.text(), lower_case)) : value;
}

}  // namespace mica::jinja
