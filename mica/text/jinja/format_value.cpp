// Python's format specifications: [[fill]align][sign][#][0][width][,|_][.precision][type].
#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

constexpr int kMaxWidth = 100'000;
constexpr int kMaxPrecision = 1000;

struct Spec {
  std::string fill = " ";
  char align = '\0';
  char sign = '-';
  bool alternate = false;
  int width = 0;
  char grouping = '\0';
  int precision = -1;
  char type = '\0';
};

bool is_align(char c) {
  return c == '<' || c == '>' || c == '=' || c == '^';
}

int take_number(std::string_view& spec, int limit) {
  int value = 0;
  const auto result = std::from_chars(spec.data(), spec.data() + spec.size(), value);
  if (result.ec != std::errc() || value > limit) throw Failure("a number in a format specification is out of range");
  spec.remove_prefix(static_cast<size_t>(result.ptr - spec.data()));
  return value;
}

bool take(std::string_view& spec, std::string_view set, char& out) {
  if (spec.empty() || set.find(spec[0]) == std::string_view::npos) return false;
  out = spec[0];
  spec.remove_prefix(1);
  return true;
}

Spec parse_spec(std::string_view spec) {
  const std::string whole(spec);
  Spec out;
  const size_t first = spec.empty() ? 0 : utf8_length(spec[0]);
  if (spec.size() > first && first > 0 && is_align(spec[first])) {
    out.fill = spec.substr(0, first);
    out.align = spec[first];
    spec.remove_prefix(first + 1);
  } else {
    take(spec, "<>=^", out.align);
  }
  take(spec, "+- ", out.sign);
  char ignored = '\0';
  out.alternate = take(spec, "#", ignored);
  if (take(spec, "0", ignored) && !out.align) {
    out.fill = "0";
    out.align = '=';
  }
  if (!spec.empty() && spec[0] >= '0' && spec[0] <= '9') out.width = take_number(spec, kMaxWidth);
  take(spec, ",_", out.grouping);
  if (take(spec, ".", ignored)) out.precision = take_number(spec, kMaxPrecision);
  if (!spec.empty()) {
    out.type = spec[0];
    spec.remove_prefix(1);
  }
  if (!spec.empty()) throw Failure(fmt::format("Invalid format specifier '{}'", whole));
  return out;
}

/// Separators between groups of three (of four in base 2, 8 and 16) digits of the whole part.
std::string grouped(const std::string& digits, char separator, size_t group) {
  if (!separator) return digits;
  const size_t whole = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  std::string out;
  for (size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % group == 0) out += separator;
    out += digits[i];
  }
  return out + digits.substr(whole);
}

Text padded(const Text& text, size_t sign_size, const Spec& spec, char default_align) {
  const auto size = static_cast<int>(count_code_points(text.bytes()));
  const int missing = std::max(0, spec.width - size);
  const char align = spec.align ? spec.align : default_align;
  const int left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  Text out;
  if (align == '=') out.append(text, 0, sign_size);
  for (int i = 0; i < left; ++i) out.append(spec.fill);
  out.append(text, align == '=' ? sign_size : 0, text.size());
  for (int i = left; i < missing; ++i) out.append(spec.fill);
  return out;
}

std::string real_digits(double value, const Spec& spec) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : "inf";
  const int precision = spec.precision < 0 ? 6 : spec.precision;
  switch (spec.type) {
    case '\0':
      if (spec.precision < 0) return real_repr(value);
      return fmt::format("{:.{}g}", value, std::max(1, precision));
    case 'f':
    case 'F':
      return fmt::format("{:.{}f}", value, precision);
    case 'e':
      return fmt::format("{:.{}e}", value, precision);
    case 'E':
      return fmt::format("{:.{}E}", value, precision);
    case 'g':
      return fmt::format("{:.{}g}", value, std::max(1, precision));
    case 'G':
      return fmt::format("{:.{}G}", value, std::max(1, precision));
    case '%':
      return fmt::format("{:.{}f}%", value * 100, precision);
    default:
      throw Failure(fmt::format("Unknown format code '{}' for object of type 'float'", spec.type));
  }
}

std::string integer_digits(uint64_t value, const Spec& spec) {
  switch (spec.type) {
    case '\0':
    case 'd':
    case 'n':
      return fmt::format("{}", value);
    case 'x':
      return fmt::format("{}{:x}", spec.alternate ? "0x" : "", value);
    case 'X':
      return fmt::format("{}{:X}", spec.alternate ? "0X" : "", value);
    case 'o':
      return fmt::format("{}{:o}", spec.alternate ? "0o" : "", value);
    case 'b':
      return fmt::format("{}{:b}", spec.alternate ? "0b" : "", value);
    default:
      throw Failure(fmt::format("Unknown format code '{}' for object of type 'int'", spec.type));
  }
}

Text format_number(const Value& value, const Spec& spec) {
  const bool real = value.is(Kind::real) || std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  if (!real && spec.precision >= 0) throw Failure("Precision not allowed in integer format specifier");
  const bool negative = value.is(Kind::real) ? std::signbit(value.as_real()) : value.as_integer() < 0;
  const uint64_t magnitude =
      negative ? ~static_cast<uint64_t>(value.as_integer()) + 1 : static_cast<uint64_t>(value.as_integer());
  const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  const bool by_four = spec.type == 'x' || spec.type == 'X' || spec.type == 'o' || spec.type == 'b';
  const std::string digits = real && spec.type != '\0' ? real_digits(std::abs(value.as_real()), spec)
                             : real                    ? real_digits(std::abs(value.as_real()), spec)
                                                       : integer_digits(magnitude, spec);
  return padded(Text(sign + grouped(digits, spec.grouping, by_four ? 4 : 3)), sign.size(), spec, '>');
}

}  // namespace

Text format_value(const Value& value, std::string_view spec_text) {
  if (spec_text.empty()) return to_text(value);
  const Spec spec = parse_spec(spec_text);
  if (value.is_number() && !(value.is(Kind::boolean) && spec.type == 's')) return format_number(value, spec);
  if (!value.is(Kind::string)) {
    throw Failure(fmt::format("unsupported format string passed to {}.__format__", type_name(value)));
  }
  if (spec.type != '\0' && spec.type != 's') {
    throw Failure(fmt::format("Unknown format code '{}' for object of type 'str'", spec.type));
  }
  if (spec.align == '=') throw Failure("'=' alignment not allowed in string format specifier");
  Text text = value.text();
  size_t end = 0;
  for (int i = 0; i < spec.precision && end < text.size(); ++i) end += utf8_length(text.bytes()[end]);
  if (spec.precision >= 0) text = text.part(0, end);
  return padded(text, 0, spec, '<');
}

}  // namespace mica::jinja
