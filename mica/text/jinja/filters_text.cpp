// Filters that make strings.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/characters.h"
#include "mica/text/jinja/operators.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

constexpr int64_t kMaxWidth = 1'000'000;

int64_t width_of(const Parameters& p, size_t i, int64_t fallback) {
  const int64_t width = p.integer(i, fallback);
  if (width > kMaxWidth) throw Failure(fmt::format("a width of {}, more than {}", width, kMaxWidth));
  return width;
}

/// The text of a filter's only argument.
Text only(const Arguments& a, std::string_view name) {
  return to_text(Parameters(a, name, {"s"}, 1)[0]);
}

Value filter_upper(Interpreter&, const Arguments& a) {
  return Value::string(map_case(only(a, "upper"), upper_case));
}
Value filter_lower(Interpreter&, const Arguments& a) {
  return Value::string(map_case(only(a, "lower"), lower_case));
}
Value filter_capitalize(Interpreter&, const Arguments& a) {
  return Value::string(capitalized(only(a, "capitalize")));
}
Value filter_string(Interpreter&, const Arguments& a) {
  return Value::string(only(a, "string"));
}

/// Words start after white space and the brackets and dash that Jinja2 names.
Value filter_title(Interpreter&, const Arguments& a) {
  const Text text = only(a, "title");
  const std::string& bytes = text.bytes();
  Text out;
  bool starts = true;
  for (size_t at = 0; at < bytes.size();) {
    const size_t start = at;
    const char32_t c = next_code_point(bytes, at);
    out.append_like(text, start, starts ? upper_case(c) : lower_case(c));
    starts = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  }
  return Value::string(std::move(out));
}

Value filter_trim(Interpreter&, const Arguments& a) {
  const Parameters p(a, "trim", {"value", "chars"}, 1);
  std::optional<Text> characters;
  if (p.has(1) && !p[1].is(Kind::none)) characters = p.string(1);
  return Value::string(stripped(to_text(p[0]), characters, true, true));
}

Value filter_replace(Interpreter&, const Arguments& a) {
  const Parameters p(a, "replace", {"s", "old", "new", "count"}, 3);
  const int64_t count = p.has(3) && !p[3].is(Kind::none) ? p.integer(3, -1) : -1;
  return Value::string(replaced(to_text(p[0]), to_text(p[1]), to_text(p[2]), count));
}

Value filter_join(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "join", {"value", "d", "attribute"}, 1);
  std::vector<Value> items = interpreter.items_of(p[0]);
  if (p.has(2) && !p[2].is(Kind::none)) {
    for (Value& item : items) item = interpreter.item(item, p[2]);
  }
  return Value::string(joined(interpreter, p.text(1, ""), items));
}

Value filter_indent(Interpreter&, const Arguments& a) {
  const Parameters p(a, "indent", {"s", "width", "first", "blank"}, 1);
  Text text = p.string(0);
  Text indentation;
  if (p.has(1) && p[1].is(Kind::string)) {
    indentation = p[1].text();
  } else {
    indentation = Text(std::string(static_cast<size_t>(std::max<int64_t>(0, width_of(p, 1, 4))), ' '));
  }
  // The line break that Jinja2 adds keeps an empty last line.
  text.append("\n");
  const std::vector<Text> lines = split_lines(text, false);
  Text out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append("\n");
    const bool indented = i == 0 ? p.boolean(2, false) : (p.boolean(3, false) || !lines[i].empty());
    if (indented) out.append(indentation);
    out.append(lines[i]);
  }
  return Value::string(out.as_markup(p[0].text().is_markup()));
}

Value filter_tojson(Interpreter&, const Arguments& a) {
  const Parameters p(a, "tojson", {"x", "ensure_ascii", "indent", "separators", "sort_keys"}, 1);
  JsonStyle style;
  style.ensure_ascii = p.boolean(1, false);
  style.sort_keys = p.boolean(4, false);
  if (p.has(2) && !p[2].is(Kind::none)) {
    if (p[2].is(Kind::string)) {
      style.indent = p[2].bytes();
    } else {
      style.indent = std::string(static_cast<size_t>(std::clamp<int64_t>(p.integer(2, 0), 0, 1000)), ' ');
    }
    style.item_separator = ",";
  }
  if (p.has(3) && !p[3].is(Kind::none)) {
    const bool pair = p[3].is(Kind::sequence) && p[3].sequence().items.size() == 2;
    if (!pair || !p[3].sequence().items[0].is(Kind::string) || !p[3].sequence().items[1].is(Kind::string)) {
      throw Failure("tojson(): separators must be two strings");
    }
    style.item_separator = p[3].sequence().items[0].bytes();
    style.key_separator = p[3].sequence().items[1].bytes();
  }
  return Value::string(to_json(p[0], style));
}

Value filter_escape(Interpreter&, const Arguments& a) {
  return Value::string(escaped(only(a, "escape")));
}
Value filter_forceescape(Interpreter&, const Arguments& a) {
  return Value::string(escaped(only(a, "forceescape").as_markup(false)));
}
Value filter_safe(Interpreter&, const Arguments& a) {
  return Value::string(only(a, "safe").as_markup(true));
}

std::string url_quoted(const std::string& bytes, bool query) {
  std::string out;
  for (const char c : bytes) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !query);
    if (plain) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Value filter_urlencode(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "urlencode", {"value"}, 1);
  const bool iterable = p[0].is(Kind::sequence) || p[0].is(Kind::dict);
  if (!iterable) {
    const Text text = to_text(p[0]);
    return Value::string(Text::like(text, url_quoted(text.bytes(), false)));
  }
  std::vector<Value> pairs = interpreter.items_of(p[0]);
  if (p[0].is(Kind::dict)) {
    for (Value& key : pairs) key = Value::tuple({key, *p[0].dict().find(key)});
  }
  Text out;
  for (const Value& pair : pairs) {
    const std::vector<Value> parts = interpreter.items_of(pair);
    if (parts.size() != 2) throw Failure("urlencode() needs pairs");
    if (!out.empty()) out.append("&");
    for (size_t i = 0; i < 2; ++i) {
      const Text text = to_text(parts[i]);
      if (i == 1) out.append("=");
      out.append(Text::like(text, url_quoted(text.bytes(), true)));
    }
  }
  return Value::string(std::move(out));
}

Value filter_center(Interpreter&, const Arguments& a) {
  const Parameters p(a, "center", {"value", "width"}, 1);
  const Text text = to_text(p[0]);
  const auto size = static_cast<int64_t>(count_code_points(text.bytes()));
  const int64_t width = width_of(p, 1, 80);
  if (width <= size) return Value::string(text);
  const int64_t pad = width - size;
  const int64_t left = pad / 2 + (pad & width & 1);
  Text out(std::string(static_cast<size_t>(left), ' '));
  out.append(text);
  out.append(std::string(static_cast<size_t>(pad - left), ' '));
  return Value::string(std::move(out));
}

Value filter_truncate(Interpreter&, const Arguments& a) {
  const Parameters p(a, "truncate", {"s", "length", "killwords", "end", "leeway"}, 1);
  const Text& text = p.string(0);
  const Text end = p.text(3, "...");
  const int64_t length = p.integer(1, 255);
  const int64_t leeway = p.has(4) && !p[4].is(Kind::none) ? p.integer(4, 5) : 5;
  const auto end_size = static_cast<int64_t>(count_code_points(end.bytes()));
  if (length < end_size) throw Failure(fmt::format("expected length >= {}, got {}", end_size, length));
  if (leeway < 0) throw Failure(fmt::format("expected leeway >= 0, got {}", leeway));
  if (static_cast<int64_t>(count_code_points(text.bytes())) <= length + leeway) return Value::string(text);
  size_t cut = 0;
  for (int64_t i = 0; i < length - end_size; ++i) cut += utf8_length(text.bytes()[cut]);
  if (!p.boolean(2, false)) {
    const size_t space = text.bytes().rfind(' ', cut == 0 ? 0 : cut - 1);
    if (space != std::string::npos && space < cut) cut = space;
  }
  Text out = text.part(0, cut);
  out.append(end);
  return Value::string(std::move(out));
}

Value filter_wordcount(Interpreter&, const Arguments& a) {
  const Text text = only(a, "wordcount");
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text.bytes(), at);
    const bool word = is_alphanumeric(c) || c == '_';
    if (word && !inside) ++words;
    inside = word;
  }
  return Value::integer(words);
}

/// Cuts tags and comments out and runs of white space down to one blank.
Value filter_striptags(Interpreter&, const Arguments& a) {
  Text text = only(a, "striptags");
  for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>("<!--", "-->"), {"<", ">"}}) {
    Text kept;
    size_t at = 0;
    while (true) {
      const size_t begin = text.bytes().find(open, at);
      const size_t end = begin == std::string::npos ? begin : text.bytes().find(close, begin);
      if (end == std::string::npos) break;
      kept.append(text, at, begin);
      at = end + close.size();
    }
    kept.append(text, at, text.size());
    text = std::move(kept);
  }
  Text out;
  const std::string& bytes = text.bytes();
  for (size_t at = leading_space(bytes); at < bytes.size();) {
    size_t end = at;
    while (end < bytes.size() && leading_space(std::string_view(bytes).substr(end, 4)) == 0)
      end += utf8_length(bytes[end]);
    if (!out.empty()) out.append(" ");
    out.append(text, at, end);
    at = end + leading_space(std::string_view(bytes).substr(end));
  }
  return Value::string(std::move(out));
}

/// Python's old-style formatting: value % arguments.
Value filter_format(Interpreter&, const Arguments& a) {
  if (a.positional.empty()) throw Failure("format() is missing the argument 'value'");
  const Text format = to_text(a.positional[0]);
  if (!a.named.empty() && a.positional.size() > 1) {
    throw Failure("can't handle positional and keyword arguments at the same time");
  }
  if (a.named.empty())
    return Value::string(format_percent(format, Value::tuple({a.positional.begin() + 1, a.positional.end()})));
  Dict named;
  for (const auto& [name, value] : a.named) named.set(name, value);
  return Value::string(format_percent(format, Value::dict(std::move(named))));
}

Value filter_refused(Interpreter&, const Arguments&) {
  throw Failure("the filters attr, random, urlize, xmlattr and pprint are not allowed in chat templates");
}

constexpr std::pair<std::string_view, Filter> kFilters[] = {
    {"upper", filter_upper},
    {"lower", filter_lower},
    {"capitalize", filter_capitalize},
    {"title", filter_title},
    {"string", filter_string},
    {"safe", filter_safe},
    {"trim", filter_trim},
    {"replace", filter_replace},
    {"join", filter_join},
    {"indent", filter_indent},
    {"tojson", filter_tojson},
    {"escape", filter_escape},
    {"e", filter_escape},
    {"forceescape", filter_forceescape},
    {"urlencode", filter_urlencode},
    {"center", filter_center},
    {"truncate", filter_truncate},
    {"wordcount", filter_wordcount},
    {"wordwrap", filter_wordwrap},
    {"striptags", filter_striptags},
    {"format", filter_format},
    {"attr", filter_refused},
    {"random", filter_refused},
    {"urlize", filter_refused},
    {"xmlattr", filter_refused},
    {"pprint", filter_refused},
};

}  // namespace

Table<Filter> text_filters() {
  return kFilters;
}

}  // namespace mica::jinja
