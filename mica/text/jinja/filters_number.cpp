// Filters that make numbers.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/characters.h"
#include "mica/text/jinja/operators.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

/// A number's text without the white space around it and with single underscores between digits removed; nothing when
/// underscores stand elsewhere.
std::optional<std::string> number_text(const std::string& text) {
  const size_t start = leading_space(text);
  if (start == text.size()) return std::nullopt;
  const std::string body = text.substr(start, text.size() - start - trailing_space(text));
  std::string out;
  for (size_t i = 0; i < body.size(); ++i) {
    const auto alphanumeric = [&](size_t at) {
      return at < body.size() && std::isalnum(static_cast<unsigned char>(body[at]));
    };
    if (body[i] != '_') {
      out += body[i];
    } else if (i == 0 || !alphanumeric(i - 1) || !alphanumeric(i + 1)) {
      return std::nullopt;
    }
  }
  return out;
}

/// Python's int(text, base).
std::optional<int64_t> parse_integer(const std::string& text, int64_t base) {
  std::optional<std::string> body = number_text(text);
  if (!body || (base != 0 && (base < 2 || base > 36))) return std::nullopt;
  std::string_view digits = *body;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto prefixed = [&](char letter) {
    return digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == letter;
  };
  for (const auto& [letter, prefix_base] : {std::pair('x', 16), {'o', 8}, {'b', 2}}) {
    if (!prefixed(letter) || (base != 0 && base != prefix_base)) continue;
    digits.remove_prefix(2);
    base = prefix_base;
    break;
  }
  if (base == 0) {
    if (digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string_view::npos)
      return std::nullopt;
    base = 10;
  }
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
  // The sign goes along, so that the least integer fits.
  const std::string with_sign = (negative ? "-" : "") + std::string(digits);
  int64_t value = 0;
  const auto result =
      std::from_chars(with_sign.data(), with_sign.data() + with_sign.size(), value, static_cast<int>(base));
  if (result.ptr != with_sign.data() + with_sign.size()) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) throw Failure("an integer beyond 64 bits");
  return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

/// Python's float(text).
std::optional<double> parse_real(const std::string& text) {
  std::optional<std::string> body = number_text(text);
  if (!body) return std::nullopt;
  std::string lower = *body;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view digits = lower;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const double sign = negative ? -1 : 1;
  if (digits == "inf" || digits == "infinity") return sign * HUGE_VAL;
  if (digits == "nan") return std::nan("");
  if (digits.empty() || !(std::isdigit(static_cast<unsigned char>(digits[0])) || digits[0] == '.')) return std::nullopt;
  double value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ptr != digits.data() + digits.size()) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) return sign * std::strtod(std::string(digits).c_str(), nullptr);
  return result.ec == std::errc() ? std::optional(sign * value) : std::nullopt;
}

Value truncated(double value, const Value& fallback) {
  if (!std::isfinite(value)) return fallback;
  if (std::abs(value) >= 0x1p63) throw Failure("an integer beyond 64 bits");
  return Value::integer(static_cast<int64_t>(value));
}

Value filter_int(Interpreter&, const Arguments& a) {
  const Parameters p(a, "int", {"value", "default", "base"}, 1);
  require_defined(p[0]);
  Value fallback = p.has(1) ? p[1] : Value::integer(0);
  if (p[0].is_integral()) return Value::integer(p[0].as_integer());
  if (p[0].is(Kind::real)) return truncated(p[0].as_real(), fallback);
  if (!p[0].is(Kind::string)) return fallback;
  if (const auto value = parse_integer(p[0].bytes(), p.integer(2, 10))) return Value::integer(*value);
  const auto real = parse_real(p[0].bytes());
  return real ? truncated(*real, fallback) : fallback;
}

Value filter_float(Interpreter&, const Arguments& a) {
  const Parameters p(a, "float", {"value", "default"}, 1);
  require_defined(p[0]);
  if (p[0].is_number()) return Value::real(p[0].as_real());
  const auto value = p[0].is(Kind::string) ? parse_real(p[0].bytes()) : std::nullopt;
  if (value) return Value::real(*value);
  return p.has(1) ? p[1] : Value::real(0);
}

Value filter_abs(Interpreter&, const Arguments& a) {
  const Parameters p(a, "abs", {"value"}, 1);
  require_defined(p[0]);
  if (p[0].is(Kind::real)) return Value::real(std::abs(p[0].as_real()));
  if (!p[0].is_integral()) throw Failure(fmt::format("bad operand type for abs(): '{}'", type_name(p[0])));
  return p[0].as_integer() < 0 ? negated(p[0]) : made_positive(p[0]);
}

/// Python's round(): the nearest decimal, ties to even, decided on the exact binary value.
double rounded(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits < -330) return 0;
  if (digits >= 0) {
    const std::string text = fmt::format("{:.{}f}", value, digits);
    return std::strtod(text.c_str(), nullptr);
  }
  const double scale = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / scale) * scale;
}

Value filter_round(Interpreter&, const Arguments& a) {
  const Parameters p(a, "round", {"value", "precision", "method"}, 1);
  require_defined(p[0]);
  const std::string method = p.text(2, "common").bytes();
  if (method != "common" && method != "ceil" && method != "floor") {
    throw Failure("method must be common, ceil or floor");
  }
  if (!p[0].is_number()) throw Failure(fmt::format("type {} doesn't define __round__ method", type_name(p[0])));
  const int64_t digits = p.integer(1, 0);
  if (method == "common") {
    if (p[0].is_integral() && digits >= 0) return Value::integer(p[0].as_integer());
    const double value = rounded(p[0].as_real(), digits);
    return p[0].is_integral() ? Value::integer(static_cast<int64_t>(value)) : Value::real(value);
  }
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = p[0].as_real() * scale;
  return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value filter_filesizeformat(Interpreter&, const Arguments& a) {
  const Parameters p(a, "filesizeformat", {"value", "binary"}, 1);
  static constexpr std::array<std::string_view, 8> kDecimal = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
  static constexpr std::array<std::string_view, 8> kBinary = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
  require_defined(p[0]);
  const auto parsed = p[0].is(Kind::string) ? parse_real(p[0].bytes()) : std::optional(p[0].as_real());
  if (!parsed || !(p[0].is_number() || p[0].is(Kind::string))) throw Failure("filesizeformat() needs a number");
  const bool binary = p.boolean(1, false);
  const double base = binary ? 1024 : 1000;
  if (*parsed == 1) return Value::string("1 Byte");
  if (*parsed < base) return Value::string(fmt::format("{} Bytes", static_cast<int64_t>(*parsed)));
  double unit = base;
  size_t i = 0;
  for (; i < 7 && *parsed >= unit * base; ++i) unit *= base;
  return Value::string(fmt::format("{:.1f} {}", *parsed / unit, (binary ? kBinary : kDecimal)[i]));
}

constexpr std::pair<std::string_view, Filter> kFilters[] = {
    {"int", filter_int},
    {"float", filter_float},
    {"abs", filter_abs},
    {"round", filter_round},
    {"filesizeformat", filter_filesizeformat},
};

}  // namespace

Table<Filter> number_filters() {
  return kFilters;
}

}  // namespace mica::jinja
