// Python's printf formatting: "%s %(name)r %05.1f".
#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/operators.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

constexpr int kMaxWidth = 100'000;
constexpr int kMaxPrecision = 1000;

struct Conversion {
  bool left = false;
  bool zero = false;
  bool alternate = false;
  char sign = '\0';
  int width = 0;
  int precision = -1;
  char type = '\0';
};

class PercentFormatter {
 public:
  PercentFormatter(const Text& format, const Value& arguments)
      : format_(format), bytes_(format.bytes()), arguments_(arguments) {
    tuple_ = arguments.is(Kind::sequence) && arguments.sequence().kind == SequenceKind::tuple;
  }

  Text run();

 private:
  Text convert(const Conversion& c, const Value& value) const;
  Conversion parse_conversion();
  int take_number(int limit);
  Value next_value();
  Value named_value(std::string_view name);

  const Text& format_;
  const std::string& bytes_;
  const Value& arguments_;
  bool tuple_ = false;
  size_t next_ = 0;
  size_t at_ = 0;
  bool used_mapping_ = false;
  Value named_;
  bool has_named_ = false;
};

Value PercentFormatter::next_value() {
  if (has_named_) return named_;
  if (tuple_) {
    if (next_ >= arguments_.sequence().items.size()) throw Failure("not enough arguments for format string");
    return arguments_.sequence().items[next_++];
  }
  if (next_++ > 0) throw Failure("not enough arguments for format string");
  return arguments_;
}

Value PercentFormatter::named_value(std::string_view name) {
  if (!arguments_.is(Kind::dict)) throw Failure("format requires a mapping");
  const Value* value = arguments_.dict().find(name);
  if (!value) throw Failure(fmt::format("KeyError: '{}'", name));
  used_mapping_ = true;
  return *value;
}

int PercentFormatter::take_number(int limit) {
  if (at_ < bytes_.size() && bytes_[at_] == '*') {
    ++at_;
    const Value value = next_value();
    if (!value.is_integral()) throw Failure("* wants int");
    if (std::abs(value.as_integer()) > limit) throw Failure("a width in a format string is out of range");
    return static_cast<int>(value.as_integer());
  }
  int value = 0;
  const char* begin = bytes_.data() + at_;
  if (at_ == bytes_.size() || *begin < '0' || *begin > '9') return 0;
  const auto result = std::from_chars(begin, bytes_.data() + bytes_.size(), value);
  if (result.ec != std::errc() || value > limit) throw Failure("a width in a format string is out of range");
  at_ += static_cast<size_t>(result.ptr - begin);
  return value;
}

/// Reads what follows a '%'.
Conversion PercentFormatter::parse_conversion() {
  Conversion c;
  has_named_ = false;
  if (at_ < bytes_.size() && bytes_[at_] == '(') {
    const size_t close = bytes_.find(')', at_);
    if (close == std::string::npos) throw Failure("incomplete format key");
    named_ = named_value(std::string_view(bytes_).substr(at_ + 1, close - at_ - 1));
    has_named_ = true;
    at_ = close + 1;
  }
  for (; at_ < bytes_.size(); ++at_) {
    const char flag = bytes_[at_];
    if (flag == '-')
      c.left = true;
    else if (flag == '0')
      c.zero = true;
    else if (flag == '#')
      c.alternate = true;
    else if (flag == '+')
      c.sign = '+';
    else if (flag == ' ')
      c.sign = c.sign ? c.sign : ' ';
    else
      break;
  }
  c.width = take_number(kMaxWidth);
  if (c.width < 0) {
    c.left = true;
    c.width = -c.width;
  }
  if (at_ < bytes_.size() && bytes_[at_] == '.') {
    ++at_;
    c.precision = std::max(0, take_number(kMaxPrecision));
  }
  while (at_ < bytes_.size() && std::string_view("hlL").find(bytes_[at_]) != std::string_view::npos) ++at_;
  if (at_ == bytes_.size()) throw Failure("incomplete format");
  c.type = bytes_[at_++];
  return c;
}

std::string integer_digits(const Conversion& c, uint64_t magnitude) {
  std::string digits = c.type == 'x'   ? fmt::format("{:x}", magnitude)
                       : c.type == 'X' ? fmt::format("{:X}", magnitude)
                       : c.type == 'o' ? fmt::format("{:o}", magnitude)
                                       : fmt::format("{}", magnitude);
  if (c.precision > static_cast<int>(digits.size()))
    digits.insert(0, static_cast<size_t>(c.precision) - digits.size(), '0');
  if (c.alternate && c.type == 'x') digits.insert(0, "0x");
  if (c.alternate && c.type == 'X') digits.insert(0, "0X");
  if (c.alternate && c.type == 'o') digits.insert(0, "0o");
  return digits;
}

std::string real_digits(const Conversion& c, double magnitude) {
  if (!std::isfinite(magnitude)) return std::isnan(magnitude) ? "nan" : "inf";
  const int precision = c.precision < 0 ? 6 : c.precision;
  switch (c.type) {
    case 'e':
      return fmt::format("{:.{}e}", magnitude, precision);
    case 'E':
      return fmt::format("{:.{}E}", magnitude, precision);
    case 'g':
      return fmt::format("{:.{}g}", magnitude, std::max(1, precision));
    case 'G':
      return fmt::format("{:.{}G}", magnitude, std::max(1, precision));
    default:
      return fmt::format("{:.{}f}", magnitude, precision);
  }
}

/// Sign, zeros or blanks, digits.
std::string laid_out(const Conversion& c, bool negative, const std::string& digits) {
  const std::string sign = negative ? "-" : c.sign ? std::string(1, c.sign) : "";
  const size_t size = sign.size() + digits.size();
  const size_t missing = static_cast<size_t>(c.width) > size ? static_cast<size_t>(c.width) - size : 0;
  if (c.left) return sign + digits + std::string(missing, ' ');
  if (c.zero) return sign + std::string(missing, '0') + digits;
  return std::string(missing, ' ') + sign + digits;
}

Text PercentFormatter::convert(const Conversion& c, const Value& value) const {
  const std::string_view type(&c.type, 1);
  if (type.find_first_of("sra") == 0) {
    Text text = c.type == 's' ? to_text(value) : repr(value);
    if (format_.is_markup()) text = escaped(text);
    size_t end = 0;
    for (int i = 0; i < c.precision && end < text.size(); ++i) end += utf8_length(text.bytes()[end]);
    if (c.precision >= 0) text = text.part(0, end);
    const auto size = static_cast<int>(count_code_points(text.bytes()));
    Text out(std::string(static_cast<size_t>(c.left ? 0 : std::max(0, c.width - size)), ' '));
    out.append(text);
    if (c.left) out.append(std::string(static_cast<size_t>(std::max(0, c.width - size)), ' '));
    return out;
  }
  if (c.type == 'c') {
    if (value.is(Kind::string) && count_code_points(value.bytes()) == 1) return value.text();
    const bool code = value.is_integral() && value.as_integer() >= 0 && value.as_integer() < 0xd800;
    if (!code) throw Failure("%c requires int or char");
    std::string out;
    append_utf8(out, static_cast<char32_t>(value.as_integer()));
    return Text(out);
  }
  if (type.find_first_of("diuxXoeEfFgG") != 0) throw Failure(fmt::format("unsupported format character '{}'", c.type));
  require_defined(value);
  const bool integer = type.find_first_of("diuxXo") == 0;
  const bool decimal = type.find_first_of("diu") == 0;
  if (!value.is_number() || (integer && !decimal && value.is(Kind::real))) {
    throw Failure(fmt::format("%{} format: a number is required, not {}", c.type, type_name(value)));
  }
  if (!integer) return Text(laid_out(c, std::signbit(value.as_real()), real_digits(c, std::abs(value.as_real()))));
  if (value.is(Kind::real) && !(std::abs(value.as_real()) < 0x1p63)) throw Failure("an integer beyond 64 bits");
  const int64_t number = value.is(Kind::real) ? static_cast<int64_t>(value.as_real()) : value.as_integer();
  const uint64_t magnitude = number < 0 ? ~static_cast<uint64_t>(number) + 1 : static_cast<uint64_t>(number);
  return Text(laid_out(c, number < 0, integer_digits(c, magnitude)));
}

Text PercentFormatter::run() {
  Text out;
  while (at_ < bytes_.size()) {
    const size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
    out.append(format_, at_, percent);
    at_ = percent;
    if (at_ == bytes_.size()) break;
    ++at_;
    const Conversion c = parse_conversion();
    if (c.type == '%') {
      out.append("%");
    } else {
      out.append(convert(c, next_value()));
    }
  }
  const bool all_used = tuple_
                            ? next_ >= arguments_.sequence().items.size()
                            : next_ > 0 || used_mapping_ || arguments_.is(Kind::dict) || arguments_.is(Kind::sequence);
  if (!all_used) throw Failure("not all arguments converted during string formatting");
  return out.as_markup(format_.is_markup());
}

}  // namespace

Text format_percent(const Text& format, const Value& arguments) {
  return PercentFormatter(format, arguments).run();
}

}  // namespace mica::jinja
