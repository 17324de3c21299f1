// Methods of Python's str.
#include <algorithm>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/characters.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

Value text_list(std::vector<Text> texts) {
  std::vector<Value> out;
  out.reserve(texts.size());
  for (Text& text : texts) out.push_back(Value::string(std::move(text)));
  return Value::list(std::move(out));
}

void no_arguments(const Arguments& a, std::string_view name) {
  const Parameters p(a, name, {});
}

Value method_upper(Interpreter&, const Value& self, const Arguments& a) {
  no_arguments(a, "upper");
  return Value::string(map_case(self.text(), upper_case));
}

Value method_lower(Interpreter&, const Value& self, const Arguments& a) {
  no_arguments(a, "lower");
  return Value::string(map_case(self.text(), lower_case));
}

Value method_capitalize(Interpreter&, const Value& self, const Arguments& a) {
  no_arguments(a, "capitalize");
  return Value::string(capitalized(self.text()));
}

Value method_title(Interpreter&, const Value& self, const Arguments& a) {
  no_arguments(a, "title");
  Text out;
  bool in_word = false;
  for (size_t at = 0; at < self.text().size();) {
    const size_t start = at;
    const char32_t c = next_code_point(self.bytes(), at);
    out.append_like(self.text(), start, in_word ? lower_case(c) : title_case(c));
    in_word = is_upper(c) || is_lower(c);
  }
  return Value::string(std::move(out));
}

Value method_swapcase(Interpreter&, const Value& self, const Arguments& a) {
  no_arguments(a, "swapcase");
  return Value::string(map_case(self.text(), [](char32_t c) { return is_upper(c) ? lower_case(c) : upper_case(c); }));
}

Value strip(const Value& self, const Arguments& a, std::string_view name, bool left, bool right) {
  const Parameters p(a, name, {"chars"});
  std::optional<Text> characters;
  if (p.has(0) && !p[0].is(Kind::none)) characters = p.string(0);
  return Value::string(stripped(self.text(), characters, left, right));
}

Value method_strip(Interpreter&, const Value& self, const Arguments& a) {
  return strip(self, a, "strip", true, true);
}
Value method_lstrip(Interpreter&, const Value& self, const Arguments& a) {
  return strip(self, a, "lstrip", true, false);
}
Value method_rstrip(Interpreter&, const Value& self, const Arguments& a) {
  return strip(self, a, "rstrip", false, true);
}

Value method_removeprefix(Interpreter&, const Value& self, const Arguments& a) {
  const std::string& prefix = Parameters(a, "removeprefix", {"prefix"}, 1).string(0).bytes();
  const bool there = self.bytes().starts_with(prefix);
  return there ? Value::string(self.text().part(prefix.size(), self.text().size())) : self;
}

Value method_removesuffix(Interpreter&, const Value& self, const Arguments& a) {
  const std::string& suffix = Parameters(a, "removesuffix", {"suffix"}, 1).string(0).bytes();
  const bool there = !suffix.empty() && self.bytes().ends_with(suffix);
  return there ? Value::string(self.text().part(0, self.text().size() - suffix.size())) : self;
}

/// Bytes [begin, end) of the characters from `start` to `stop`, counted as in Python. False when start lies past the
/// end.
bool byte_range(const std::string& bytes, const Parameters& p, size_t& begin, size_t& end) {
  const auto count = static_cast<int64_t>(count_code_points(bytes));
  const auto position = [&](size_t i, int64_t fallback) {
    const int64_t at = p.has(i) && !p[i].is(Kind::none) ? p.integer(i, 0) : fallback;
    return at < 0 ? std::max<int64_t>(0, at + count) : at;
  };
  const auto byte_of = [&](int64_t character) {
    size_t at = 0;
    for (int64_t i = 0; i < std::min(character, count); ++i) at += utf8_length(bytes[at]);
    return at;
  };
  const int64_t start = position(1, 0);
  const int64_t stop = std::min(position(2, count), count);
  if (start > count) return false;
  begin = byte_of(start);
  end = byte_of(stop);
  return begin <= end;
}

bool starts_or_ends(const Value& self, const Arguments& a, bool starts) {
  const Parameters p(a, starts ? "startswith" : "endswith", {starts ? "prefix" : "suffix", "start", "end"}, 1);
  size_t begin = 0;
  size_t end = 0;
  const bool inside = byte_range(self.bytes(), p, begin, end);
  const std::string_view text = inside ? std::string_view(self.bytes()).substr(begin, end - begin) : "";
  const auto matches = [&](const Value& affix) {
    require_defined(affix);
    if (!affix.is(Kind::string)) {
      throw Failure(fmt::format("startswith first arg must be str or a tuple of str, not {}", type_name(affix)));
    }
    return inside && (starts ? text.starts_with(affix.bytes()) : text.ends_with(affix.bytes()));
  };
  const bool tuple = p[0].is(Kind::sequence) && p[0].sequence().kind == SequenceKind::tuple;
  return tuple ? std::ranges::any_of(p[0].sequence().items, matches) : matches(p[0]);
}

Value method_startswith(Interpreter&, const Value& self, const Arguments& a) {
  return Value::boolean(starts_or_ends(self, a, true));
}
Value method_endswith(Interpreter&, const Value& self, const Arguments& a) {
  return Value::boolean(starts_or_ends(self, a, false));
}

/// Character position of the first or last occurrence, −1 when there is none.
int64_t position_of(const Value& self, const Arguments& a, std::string_view name, bool last) {
  const Parameters p(a, name, {"sub", "start", "end"}, 1);
  const std::string& part = p.string(0).bytes();
  size_t begin = 0;
  size_t end = 0;
  if (!byte_range(self.bytes(), p, begin, end)) return -1;
  const std::string_view text = std::string_view(self.bytes()).substr(begin, end - begin);
  const size_t found = last ? text.rfind(part) : text.find(part);
  if (found == std::string_view::npos) return -1;
  return static_cast<int64_t>(count_code_points(std::string_view(self.bytes()).substr(0, begin + found)));
}

Value index_of(int64_t position) {
  if (position < 0) throw Failure("substring not found");
  return Value::integer(position);
}

Value method_find(Interpreter&, const Value& self, const Arguments& a) {
  return Value::integer(position_of(self, a, "find", false));
}
Value method_rfind(Interpreter&, const Value& self, const Arguments& a) {
  return Value::integer(position_of(self, a, "rfind", true));
}
Value method_index(Interpreter&, const Value& self, const Arguments& a) {
  return index_of(position_of(self, a, "index", false));
}
Value method_rindex(Interpreter&, const Value& self, const Arguments& a) {
  return index_of(position_of(self, a, "rindex", true));
}

Value method_count(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "count", {"sub", "start", "end"}, 1);
  const std::string& part = p.string(0).bytes();
  size_t begin = 0;
  size_t end = 0;
  if (!byte_range(self.bytes(), p, begin, end)) return Value::integer(0);
  const std::string_view text = std::string_view(self.bytes()).substr(begin, end - begin);
  if (part.empty()) return Value::integer(static_cast<int64_t>(count_code_points(text)) + 1);
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return Value::integer(count);
}

Value method_replace(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "replace", {"old", "new", "count"}, 2);
  return Value::string(replaced(self.text(), p.string(0), p.string(1), p.integer(2, -1)));
}

/// Words between runs of white space, at most `count` cuts (negative: any number).
std::vector<Text> split_at_space(const Text& text, int64_t count, bool from_right) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> out;
  size_t begin = 0;
  size_t end = bytes.size();
  for (int64_t n = 0; begin < end; ++n) {
    const std::string_view rest = bytes.substr(begin, end - begin);
    begin += from_right ? 0 : leading_space(rest);
    end -= from_right ? trailing_space(rest) : 0;
    if (begin >= end) break;
    if (count >= 0 && n >= count) {
      // The last piece keeps the white space inside and beyond it.
      out.push_back(text.part(begin, end));
      break;
    }
    size_t cut = from_right ? end : begin;
    if (from_right) {
      while (cut > begin && trailing_space(bytes.substr(0, cut)) == 0) do
          --cut;
        while (cut > begin && (bytes[cut] & 0xc0) == 0x80);
      out.push_back(text.part(cut, end));
      end = cut;
    } else {
      while (cut < end && leading_space(bytes.substr(cut, 4)) == 0) cut += utf8_length(bytes[cut]);
      out.push_back(text.part(begin, cut));
      begin = cut;
    }
  }
  if (from_right) std::ranges::reverse(out);
  return out;
}

std::vector<Text> split_at(const Text& text, const std::string& separator, int64_t count, bool from_right) {
  if (separator.empty()) throw Failure("empty separator");
  const std::string& bytes = text.bytes();
  std::vector<Text> out;
  size_t begin = 0;
  size_t end = bytes.size();
  for (int64_t n = 0; count < 0 || n < count; ++n) {
    if (from_right) {
      if (end < separator.size()) break;
      const size_t found = bytes.rfind(separator, end - separator.size());
      if (found == std::string::npos) break;
      out.push_back(text.part(found + separator.size(), end));
      end = found;
    } else {
      const size_t found = bytes.find(separator, begin);
      if (found == std::string::npos) break;
      out.push_back(text.part(begin, found));
      begin = found + separator.size();
    }
  }
  out.push_back(text.part(begin, end));
  if (from_right) std::ranges::reverse(out);
  return out;
}

Value split(Interpreter& interpreter, const Value& self, const Arguments& a, bool from_right) {
  const Parameters p(a, from_right ? "rsplit" : "split", {"sep", "maxsplit"});
  const int64_t count = p.integer(1, -1);
  const bool at_space = !p.has(0) || p[0].is(Kind::none);
  auto parts = at_space ? split_at_space(self.text(), count, from_right)
                        : split_at(self.text(), p.string(0).bytes(), count, from_right);
  interpreter.charge(parts.size());
  return text_list(std::move(parts));
}

Value method_split(Interpreter& i, const Value& self, const Arguments& a) {
  return split(i, self, a, false);
}
Value method_rsplit(Interpreter& i, const Value& self, const Arguments& a) {
  return split(i, self, a, true);
}

Value method_splitlines(Interpreter& interpreter, const Value& self, const Arguments& a) {
  const Parameters p(a, "splitlines", {"keepends"});
  auto lines = split_lines(self.text(), p.boolean(0, false));
  interpreter.charge(lines.size());
  return text_list(std::move(lines));
}

Value partition(const Value& self, const Arguments& a, bool from_right) {
  const Parameters p(a, from_right ? "rpartition" : "partition", {"sep"}, 1);
  const Text& separator = p.string(0);
  std::vector<Text> parts = split_at(self.text(), separator.bytes(), 1, from_right);
  const Value empty = Value::string("");
  if (parts.size() == 1) return from_right ? Value::tuple({empty, empty, self}) : Value::tuple({self, empty, empty});
  return Value::tuple({Value::string(parts[0]), Value::string(separator), Value::string(parts[1])});
}

Value method_partition(Interpreter&, const Value& self, const Arguments& a) {
  return partition(self, a, false);
}
Value method_rpartition(Interpreter&, const Value& self, const Arguments& a) {
  return partition(self, a, true);
}

Value method_join(Interpreter& interpreter, const Value& self, const Arguments& a) {
  const Parameters p(a, "join", {"iterable"}, 1);
  require_defined(p[0]);
  const std::vector<Value> items = interpreter.items_of(p[0]);
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].is(Kind::string)) continue;
    throw Failure(fmt::format("sequence item {}: expected str instance, {} found", i, type_name(items[i])));
  }
  return Value::string(joined(interpreter, self.text(), items));
}

Value method_format(Interpreter& interpreter, const Value& self, const Arguments& a) {
  return Value::string(format_braces(interpreter, self.text(), a));
}

/// ljust, rjust, center, zfill.
Value pad(const Value& self, const Arguments& a, std::string_view name) {
  const Parameters p(a, name, {"width", "fillchar"}, 1);
  const int64_t width = p.integer(0, 0);
  if (width > 1'000'000) throw Failure("a width of more than 1000000");
  const bool zeros = name == "zfill";
  const Text fill = zeros ? Text("0") : p.text(1, " ");
  if (count_code_points(fill.bytes()) != 1) throw Failure("The fill character must be exactly one character long");
  const auto size = static_cast<int64_t>(count_code_points(self.bytes()));
  const int64_t missing = std::max<int64_t>(0, width - size);
  const int64_t left = name == "ljust" ? 0 : name == "center" ? missing / 2 + (missing & width & 1) : missing;
  Text out;
  const bool sign = zeros && !self.text().empty() && (self.bytes()[0] == '-' || self.bytes()[0] == '+');
  if (sign) out.append(self.text(), 0, 1);
  for (int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(self.text(), sign ? 1 : 0, self.text().size());
  for (int64_t i = left; i < missing; ++i) out.append(fill);
  return Value::string(std::move(out));
}

Value method_ljust(Interpreter&, const Value& self, const Arguments& a) {
  return pad(self, a, "ljust");
}
Value method_rjust(Interpreter&, const Value& self, const Arguments& a) {
  return pad(self, a, "rjust");
}
Value method_center(Interpreter&, const Value& self, const Arguments& a) {
  return pad(self, a, "center");
}
Value method_zfill(Interpreter&, const Value& self, const Arguments& a) {
  return pad(self, a, "zfill");
}

template <bool (*kHolds)(char32_t)>
Value all_characters(Interpreter&, const Value& self, const Arguments& a) {
  no_arguments(a, "is…");
  for (size_t at = 0; at < self.text().size();) {
    if (!kHolds(next_code_point(self.bytes(), at))) return Value::boolean(false);
  }
  return Value::boolean(!self.text().empty());
}

template <bool kUpper>
Value is_cased(Interpreter&, const Value& self, const Arguments& a) {
  no_arguments(a, "is…");
  bool any = false;
  for (size_t at = 0; at < self.text().size();) {
    const char32_t c = next_code_point(self.bytes(), at);
    if (kUpper ? is_lower(c) : is_upper(c)) return Value::boolean(false);
    any |= kUpper ? is_upper(c) : is_lower(c);
  }
  return Value::boolean(any);
}

bool is_ascii(char32_t c) {
  return c < 0x80;
}

Value method_isascii(Interpreter& i, const Value& self, const Arguments& a) {
  return self.text().empty() ? Value::boolean(true) : all_characters<is_ascii>(i, self, a);
}

constexpr std::pair<std::string_view, Method> kMethods[] = {
    {"upper", method_upper},
    {"lower", method_lower},
    {"casefold", method_lower},
    {"capitalize", method_capitalize},
    {"title", method_title},
    {"swapcase", method_swapcase},
    {"strip", method_strip},
    {"lstrip", method_lstrip},
    {"rstrip", method_rstrip},
    {"removeprefix", method_removeprefix},
    {"removesuffix", method_removesuffix},
    {"startswith", method_startswith},
    {"endswith", method_endswith},
    {"find", method_find},
    {"rfind", method_rfind},
    {"index", method_index},
    {"rindex", method_rindex},
    {"count", method_count},
    {"replace", method_replace},
    {"split", method_split},
    {"rsplit", method_rsplit},
    {"splitlines", method_splitlines},
    {"partition", method_partition},
    {"rpartition", method_rpartition},
    {"join", method_join},
    {"format", method_format},
    {"ljust", method_ljust},
    {"rjust", method_rjust},
    {"center", method_center},
    {"zfill", method_zfill},
    {"isalpha", all_characters<is_letter>},
    {"isalnum", all_characters<is_alphanumeric>},
    {"isdigit", all_characters<is_digit_character>},
    {"isdecimal", all_characters<is_digit_character>},
    {"isnumeric", all_characters<is_digit_character>},
    {"isspace", all_characters<is_space>},
    {"isprintable", all_characters<is_printable>},
    {"isascii", method_isascii},
    {"isupper", is_cased<true>},
    {"islower", is_cased<false>},
};

}  // namespace

Table<Method> string_methods() {
  return kMethods;
}

}  // namespace mica::jinja
