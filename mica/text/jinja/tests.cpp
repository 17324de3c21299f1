// Tests: what stands after "is".
#include <algorithm>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/characters.h"
#include "mica/text/jinja/operators.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

const Value& only(const Arguments& a, std::string_view name) {
  const Parameters p(a, name, {"value"}, 1);
  return p[0];
}

template <Kind kKind>
bool has_kind(Interpreter&, const Arguments& a) {
  return only(a, "test").is(kKind);
}

bool is_defined(Interpreter&, const Arguments& a) {
  return !only(a, "defined").is(Kind::undefined);
}
bool is_true_constant(Interpreter&, const Arguments& a) {
  return only(a, "true").is(Kind::boolean) && is_true(only(a, "true"));
}
bool is_false_constant(Interpreter&, const Arguments& a) {
  return only(a, "false").is(Kind::boolean) && !is_true(only(a, "false"));
}
bool is_number_value(Interpreter&, const Arguments& a) {
  return only(a, "number").is_number();
}

bool is_sequence(Interpreter&, const Arguments& a) {
  const Value& value = only(a, "sequence");
  if (value.is(Kind::sequence)) return value.sequence().kind != SequenceKind::view;
  // Undefined answers __getitem__ with an error, but has it, and has a length.
  return value.is(Kind::string) || value.is(Kind::dict) || value.is(Kind::undefined);
}

bool is_iterable(Interpreter&, const Arguments& a) {
  const Value& value = only(a, "iterable");
  if (value.is(Kind::object)) return value.object().is_iterable();
  return value.is(Kind::sequence) || value.is(Kind::string) || value.is(Kind::dict) || value.is(Kind::undefined);
}

bool is_callable(Interpreter&, const Arguments& a) {
  const Value& value = only(a, "callable");
  // Undefined has __call__, if only to raise.
  return value.is(Kind::undefined) || (value.is(Kind::object) && value.object().is_callable());
}

bool is_cased(const Text& text, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text.bytes(), at);
    if (other(c)) return false;
    any |= wanted(c);
  }
  return any;
}

bool is_lower_text(Interpreter&, const Arguments& a) {
  return is_cased(to_text(only(a, "lower")), is_lower, is_upper);
}
bool is_upper_text(Interpreter&, const Arguments& a) {
  return is_cased(to_text(only(a, "upper")), is_upper, is_lower);
}

bool has_remainder(const Value& value, int64_t divisor, int64_t wanted) {
  const Value rest = binary_operation("%", value, Value::integer(divisor));
  return equal(rest, Value::integer(wanted));
}

bool is_odd(Interpreter&, const Arguments& a) {
  return has_remainder(only(a, "odd"), 2, 1);
}
bool is_even(Interpreter&, const Arguments& a) {
  return has_remainder(only(a, "even"), 2, 0);
}

bool is_divisible(Interpreter&, const Arguments& a) {
  const Parameters p(a, "divisibleby", {"value", "num"}, 2);
  return equal(binary_operation("%", p[0], p[1]), Value::integer(0));
}

bool is_same(Interpreter&, const Arguments& a) {
  const Parameters p(a, "sameas", {"value", "other"}, 2);
  if (p[0].kind() != p[1].kind()) return false;
  const bool by_value = p[0].is(Kind::none) || p[0].is_number() || p[0].is(Kind::string);
  return by_value ? equal(p[0], p[1]) : p[0].identity() == p[1].identity();
}

bool is_filter(Interpreter&, const Arguments& a) {
  return find_filter(to_text(only(a, "filter")).bytes()) != nullptr;
}
bool is_test(Interpreter&, const Arguments& a) {
  return find_test(to_text(only(a, "test")).bytes()) != nullptr;
}
bool is_escaped(Interpreter&, const Arguments& a) {
  const Value& value = only(a, "escaped");
  return value.is(Kind::string) && value.text().is_markup();
}

template <char kFirst, char kSecond = '\0'>
bool compares(Interpreter&, const Arguments& a) {
  const Parameters p(a, "comparison", {"a", "b"}, 2);
  static constexpr char kOperator[] = {kFirst, kSecond, '\0'};
  return compare_with(kOperator, p[0], p[1]);
}

bool is_in(Interpreter&, const Arguments& a) {
  const Parameters p(a, "in", {"value", "seq"}, 2);
  return contains(p[1], p[0]);
}

constexpr std::pair<std::string_view, Test> kTests[] = {
    {"defined", is_defined},
    {"undefined", has_kind<Kind::undefined>},
    {"none", has_kind<Kind::none>},
    {"boolean", has_kind<Kind::boolean>},
    {"integer", has_kind<Kind::integer>},
    {"float", has_kind<Kind::real>},
    {"number", is_number_value},
    {"string", has_kind<Kind::string>},
    {"mapping", has_kind<Kind::dict>},
    {"sequence", is_sequence},
    {"iterable", is_iterable},
    {"callable", is_callable},
    {"true", is_true_constant},
    {"false", is_false_constant},
    {"lower", is_lower_text},
    {"upper", is_upper_text},
    {"odd", is_odd},
    {"even", is_even},
    {"divisibleby", is_divisible},
    {"sameas", is_same},
    {"filter", is_filter},
    {"test", is_test},
    {"escaped", is_escaped},
    {"in", is_in},
    {"eq", compares<'=', '='>},
    {"equalto", compares<'=', '='>},
    {"==", compares<'=', '='>},
    {"ne", compares<'!', '='>},
    {"!=", compares<'!', '='>},
    {"lt", compares<'<'>},
    {"lessthan", compares<'<'>},
    {"<", compares<'<'>},
    {"le", compares<'<', '='>},
    {"<=", compares<'<', '='>},
    {"gt", compares<'>'>},
    {"greaterthan", compares<'>'>},
    {">", compares<'>'>},
    {"ge", compares<'>', '='>},
    {">=", compares<'>', '='>},
};

}  // namespace

Table<Test> tests() {
  return kTests;
}

}  // namespace mica::jinja
