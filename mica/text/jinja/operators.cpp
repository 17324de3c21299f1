#include "mica/text/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "mica/base/checked.h"

namespace mica::jinja {
namespace {

constexpr size_t kMaxItems = 1'000'000;

[[noreturn]] void fail_operands(std::string_view op, const Value& a, const Value& b) {
  throw Failure(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", op, type_name(a), type_name(b)));
}

int64_t checked(std::optional<int64_t> value) {
  if (!value) throw Failure("an integer beyond 64 bits");
  return *value;
}

bool is_list(const Value& value, SequenceKind kind) {
  return value.is(Kind::sequence) && value.sequence().kind == kind;
}

Value add(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return Value::integer(checked(checked_add(a.as_integer(), b.as_integer())));
  if (a.is_number() && b.is_number()) return Value::real(a.as_real() + b.as_real());
  if (a.is(Kind::string) && b.is(Kind::string)) {
    const bool markup = a.text().is_markup() || b.text().is_markup();
    Text out = markup ? escaped(a.text()) : a.text();
    out.append(markup ? escaped(b.text()) : b.text());
    return Value::string(std::move(out));
  }
  for (const SequenceKind kind : {SequenceKind::list, SequenceKind::tuple}) {
    if (!is_list(a, kind) || !is_list(b, kind)) continue;
    std::vector<Value> items = a.sequence().items;
    items.insert(items.end(), b.sequence().items.begin(), b.sequence().items.end());
    return Value::sequence({kind, std::move(items), {}, {}});
  }
  if (a.is(Kind::string)) throw Failure(fmt::format("can only concatenate str (not \"{}\") to str", type_name(b)));
  fail_operands("+", a, b);
}

Value repeat(const Value& value, int64_t count) {
  const size_t times = count < 0 ? 0 : static_cast<size_t>(count);
  if (value.is(Kind::string)) {
    const size_t size = value.text().size();
    if (size > 0 && times > kMaxTextBytes / size) throw Failure("a string longer than 64 MiB");
    Text out;
    for (size_t i = 0; size > 0 && i < times; ++i) out.append(value.text());
    return Value::string(out.as_markup(value.text().is_markup()));
  }
  const Sequence& sequence = value.sequence();
  std::vector<Value> items;
  if (!sequence.items.empty() && times > kMaxItems / sequence.items.size())
    throw Failure("a list of more than 1000000 items");
  for (size_t i = 0; !sequence.items.empty() && i < times; ++i) {
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  }
  return Value::sequence({sequence.kind, std::move(items), {}, {}});
}

bool is_repeatable(const Value& value) {
  return value.is(Kind::string) || is_list(value, SequenceKind::list) || is_list(value, SequenceKind::tuple);
}

Value multiply(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return Value::integer(checked(checked_mul(a.as_integer(), b.as_integer())));
  if (a.is_number() && b.is_number()) return Value::real(a.as_real() * b.as_real());
  if (is_repeatable(a) && b.is_integral()) return repeat(a, b.as_integer());
  if (is_repeatable(b) && a.is_integral()) return repeat(b, a.as_integer());
  fail_operands("*", a, b);
}

/// Python rounds quotients down; C++ rounds them towards zero.
int64_t floor_divide(int64_t a, int64_t b) {
  if (b == -1) return checked(checked_mul<int64_t>(a, -1));
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

double real_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Value divide(std::string_view op, const Value& a, const Value& b) {
  if (b.as_real() == 0) throw Failure("division by zero");
  if (op == "/") return Value::real(a.as_real() / b.as_real());
  if (a.is_integral() && b.is_integral()) {
    const int64_t quotient = floor_divide(a.as_integer(), b.as_integer());
    return Value::integer(op == "//" ? quotient : a.as_integer() - quotient * b.as_integer());
  }
  const double x = a.as_real();
  const double y = b.as_real();
  return Value::real(op == "//" ? std::floor(x / y) : real_modulo(x, y));
}

Value power(const Value& a, const Value& b) {
  if (!a.is_integral() || !b.is_integral() || b.as_integer() < 0) {
    if (a.as_real() == 0 && b.as_real() < 0) throw Failure("0.0 cannot be raised to a negative power");
    const double result = std::pow(a.as_real(), b.as_real());
    if (std::isnan(result) && !std::isnan(a.as_real())) throw Failure("a power that is not a real number");
    return Value::real(result);
  }
  int64_t result = 1;
  int64_t base = a.as_integer();
  for (int64_t left = b.as_integer(); left > 0; left /= 2) {
    if (left % 2 == 1) result = checked(checked_mul(result, base));
    if (left > 1) base = checked(checked_mul(base, base));
  }
  return Value::integer(result);
}

}  // namespace

Value binary_operation(std::string_view op, const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  if (op == "+") return add(a, b);
  if (op == "*") return multiply(a, b);
  if (op == "%" && a.is(Kind::string)) return Value::string(format_percent(a.text(), b));
  if (!a.is_number() || !b.is_number()) fail_operands(op, a, b);
  if (op == "**") return power(a, b);
  if (op != "-") return divide(op, a, b);
  if (!a.is_integral() || !b.is_integral()) return Value::real(a.as_real() - b.as_real());
  int64_t difference = 0;
  if (__builtin_sub_overflow(a.as_integer(), b.as_integer(), &difference)) throw Failure("an integer beyond 64 bits");
  return Value::integer(difference);
}

Value negated(const Value& value) {
  require_defined(value);
  if (value.is_integral()) return Value::integer(checked(checked_mul<int64_t>(value.as_integer(), -1)));
  if (!value.is_number()) throw Failure(fmt::format("bad operand type for unary -: '{}'", type_name(value)));
  return Value::real(-value.as_real());
}

Value made_positive(const Value& value) {
  require_defined(value);
  if (!value.is_number()) throw Failure(fmt::format("bad operand type for unary +: '{}'", type_name(value)));
  return value.is_integral() ? Value::integer(value.as_integer()) : value;
}

bool contains(const Value& haystack, const Value& needle) {
  switch (haystack.kind()) {
    case Kind::undefined:
      return false;
    case Kind::string:
      if (!needle.is(Kind::string)) {
        throw Failure(fmt::format("'in <string>' requires string as left operand, not {}", type_name(needle)));
      }
      return haystack.bytes().find(needle.bytes()) != std::string::npos;
    case Kind::sequence:
      return std::ranges::any_of(haystack.sequence().items, [&](const Value& item) { return equal(item, needle); });
    case Kind::dict: {
      const bool list = needle.is(Kind::dict) || is_list(needle, SequenceKind::list);
      if (list) throw Failure(fmt::format("unhashable type: '{}'", type_name(needle)));
      return haystack.dict().find(needle) != nullptr;
    }
    case Kind::object:
      if (haystack.object().is_iterable()) {
        return std::ranges::any_of(haystack.object().take_items(),
                                   [&](const Value& item) { return equal(item, needle); });
      }
      break;
    default:
      break;
  }
  throw Failure(fmt::format("argument of type '{}' is not iterable", type_name(haystack)));
}

bool compare_with(std::string_view op, const Value& a, const Value& b) {
  if (op == "==") return equal(a, b);
  if (op == "!=") return !equal(a, b);
  if (op == "in") return contains(b, a);
  if (op == "not in") return !contains(b, a);
  // NaN compares false with everything, so each operator needs its own form.
  if (a.is_number() && b.is_number() && (a.is(Kind::real) || b.is(Kind::real))) {
    const double x = a.as_real();
    const double y = b.as_real();
    return op == "<" ? x < y : op == "<=" ? x <= y : op == ">" ? x > y : x >= y;
  }
  const int order = compare(a, b);
  return op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
}

}  // namespace mica::jinja
