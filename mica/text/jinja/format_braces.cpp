// str.format: "{} {name} {0.key[1]!r:>8}".
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Arguments& arguments)
      : interpreter_(interpreter), arguments_(arguments) {}

  Text format(const Text& format, int nesting);

 private:
  Text replacement(const Text& field, int nesting);
  Value look_up(std::string_view path);
  Value argument(std::string_view name);

  Interpreter& interpreter_;
  const Arguments& arguments_;
  size_t next_ = 0;
  bool automatic_ = false;
  bool numbered_ = false;
};

bool is_integer(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

size_t to_index(std::string_view text) {
  size_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc()) throw Failure("Too many decimal digits in format string");
  return value;
}

Value BraceFormatter::argument(std::string_view name) {
  if (name.empty() || is_integer(name)) {
    (name.empty() ? automatic_ : numbered_) = true;
    if (automatic_ && numbered_) throw Failure("cannot mix automatic and manual field numbering in a format");
    const size_t index = name.empty() ? next_++ : to_index(name);
    if (index >= arguments_.positional.size()) {
      throw Failure(fmt::format("Replacement index {} out of range for positional args tuple", index));
    }
    return arguments_.positional[index];
  }
  const auto found =
      std::ranges::find(arguments_.named, name, [](const auto& pair) { return std::string_view(pair.first); });
  if (found == arguments_.named.end()) throw Failure(fmt::format("KeyError: '{}'", name));
  return found->second;
}

/// name, then any of ".attribute" and "[key]".
Value BraceFormatter::look_up(std::string_view path) {
  size_t at = std::min(path.find_first_of(".["), path.size());
  Value value = argument(path.substr(0, at));
  while (at < path.size()) {
    const bool item = path[at] == '[';
    const size_t start = at + 1;
    const size_t end = item ? path.find(']', start) : std::min(path.find_first_of(".[", start), path.size());
    if (end == std::string_view::npos) throw Failure("Missing ']' in format string");
    const std::string_view part = path.substr(start, end - start);
    if (part.empty()) throw Failure("Empty attribute in format string");
    if (!item) {
      value = interpreter_.attribute(value, part);
    } else {
      value = interpreter_.item(value, is_integer(part) ? Value::integer(static_cast<int64_t>(to_index(part)))
                                                        : Value::string(std::string(part)));
    }
    at = end + (item ? 1 : 0);
  }
  return value;
}

/// A field's text, without its braces.
Text BraceFormatter::replacement(const Text& field, int nesting) {
  const std::string& bytes = field.bytes();
  const size_t colon = std::min(bytes.find(':'), bytes.size());
  const size_t bang = bytes.find('!');
  const bool converts = bang != std::string::npos && bang < colon;
  Value value = look_up(std::string_view(bytes).substr(0, converts ? bang : colon));
  if (converts) {
    const std::string_view how = std::string_view(bytes).substr(bang + 1, colon - bang - 1);
    if (how != "s" && how != "r") throw Failure(fmt::format("Unknown conversion specifier '{}'", how));
    value = Value::string(how == "r" ? repr(value) : to_text(value));
  }
  std::string spec;
  // The specification may hold fields itself.
  if (colon < bytes.size()) spec = format(field.part(colon + 1, bytes.size()), nesting + 1).bytes();
  Text text = format_value(value, spec);
  return field.is_markup() ? escaped(text) : text;
}

Text BraceFormatter::format(const Text& format, int nesting) {
  if (nesting > 1) throw Failure("Max string recursion exceeded");
  const std::string& bytes = format.bytes();
  Text out;
  for (size_t at = 0; at < bytes.size();) {
    const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    out.append(format, at, brace);
    if (brace == bytes.size()) break;
    if (brace + 1 < bytes.size() && bytes[brace + 1] == bytes[brace] && nesting == 0) {
      out.append(format, brace, brace + 1);
      at = brace + 2;
      continue;
    }
    if (bytes[brace] == '}') throw Failure("Single '}' encountered in format string");
    int open = 1;
    size_t end = brace + 1;
    for (; end < bytes.size() && open > 0; ++end) open += bytes[end] == '{' ? 1 : (bytes[end] == '}' ? -1 : 0);
    if (open > 0)
      throw Failure(brace + 1 == bytes.size() ? "Single '{' encountered in format string"
                                              : "expected '}' before end of string");
    interpreter_.charge(1);
    out.append(replacement(format.part(brace + 1, end - 1), nesting));
    at = end;
  }
  return out.as_markup(format.is_markup());
}

}  // namespace

Text format_braces(Interpreter& interpreter, const Text& format, const Arguments& arguments) {
  return BraceFormatter(interpreter, arguments).format(format, 0);
}

}  // namespace mica::jinja
