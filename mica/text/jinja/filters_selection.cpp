// map, select, reject and the filters that reduce: they apply other filters and tests to items.
#include <fmt/format.h>

#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/operators.h"
#include "mica/text/jinja/sort_keys.h"

namespace mica::jinja {
namespace {

/// map, select and so on take anything false for an empty list.
std::vector<Value> items_or_none(Interpreter& interpreter, const Value& value) {
  return is_true(value) ? interpreter.items_of(value) : std::vector<Value>();
}

/// The arguments after the first `skip`, with a place for the item before them.
Arguments rest_of(const Arguments& a, size_t skip) {
  Arguments out;
  out.positional.emplace_back();
  for (size_t i = skip; i < a.positional.size(); ++i) out.positional.push_back(a.positional[i]);
  out.named = a.named;
  return out;
}

const std::string& name_of(const Value& value, std::string_view what) {
  if (!value.is(Kind::string)) throw Failure(fmt::format("{} needs a name", what));
  return value.bytes();
}

Value filter_map(Interpreter& interpreter, const Arguments& a) {
  if (a.positional.empty()) throw Failure("map() is missing the argument 'value'");
  std::vector<Value> out;
  if (a.positional.size() == 1) {
    const Parameters p(a, "map", {"value", "attribute", "default"}, 1);
    if (!p.has(1)) throw Failure("map requires a filter argument");
    const std::vector<Value> path = attribute_path(p[1]);
    const Value fallback = p.has(2) ? p[2] : Value::none();
    for (const Value& item : items_or_none(interpreter, p[0]))
      out.push_back(follow_path(interpreter, item, path, fallback));
    return make_generator(std::move(out));
  }
  const std::string& filter = name_of(a.positional[1], "map");
  Arguments arguments = rest_of(a, 2);
  for (const Value& item : items_or_none(interpreter, a.positional[0])) {
    arguments.positional[0] = item;
    out.push_back(interpreter.apply_filter(filter, arguments));
  }
  return make_generator(std::move(out));
}

/// select, reject, selectattr, rejectattr: the items whose (attribute's) test gives `wanted`.
Value selected(Interpreter& interpreter, const Arguments& a, bool by_attribute, bool wanted) {
  const size_t first = by_attribute ? 2 : 1;
  if (a.positional.size() < first) throw Failure("missing parameter for attribute name");
  const std::vector<Value> path = by_attribute ? attribute_path(a.positional[1]) : std::vector<Value>();
  const bool has_test = a.positional.size() > first;
  const std::string test = has_test ? name_of(a.positional[first], "select") : "";
  Arguments arguments = rest_of(a, first + 1);
  std::vector<Value> out;
  for (const Value& item : items_or_none(interpreter, a.positional[0])) {
    Value subject = follow_path(interpreter, item, path, Value::none());
    bool holds = false;
    if (has_test) {
      arguments.positional[0] = subject;
      holds = interpreter.apply_test(test, arguments);
    } else {
      holds = is_true(subject);
    }
    if (holds == wanted) out.push_back(item);
  }
  return make_generator(std::move(out));
}

Value filter_select(Interpreter& i, const Arguments& a) {
  return selected(i, a, false, true);
}
Value filter_reject(Interpreter& i, const Arguments& a) {
  return selected(i, a, false, false);
}
Value filter_selectattr(Interpreter& i, const Arguments& a) {
  return selected(i, a, true, true);
}
Value filter_rejectattr(Interpreter& i, const Arguments& a) {
  return selected(i, a, true, false);
}

/// min and max.
Value extreme(Interpreter& interpreter, const Arguments& a, std::string_view name, bool greatest) {
  const Parameters p(a, name, {"value", "case_sensitive", "attribute"}, 1);
  const KeyMaker key_of(interpreter, p.has(2) ? p[2] : Value::none(), p.boolean(1, false));
  const std::vector<Value> items = interpreter.items_of(p[0]);
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  size_t best = 0;
  Value best_key = key_of(items[0]);
  for (size_t i = 1; i < items.size(); ++i) {
    Value key = key_of(items[i]);
    if (greatest ? compare(best_key, key) >= 0 : compare(key, best_key) >= 0) continue;
    best = i;
    best_key = std::move(key);
  }
  return items[best];
}

Value filter_min(Interpreter& i, const Arguments& a) {
  return extreme(i, a, "min", false);
}
Value filter_max(Interpreter& i, const Arguments& a) {
  return extreme(i, a, "max", true);
}

Value filter_sum(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "sum", {"iterable", "attribute", "start"}, 1);
  const std::vector<Value> path = p.has(1) ? attribute_path(p[1]) : std::vector<Value>();
  Value total = p.has(2) ? p[2] : Value::integer(0);
  if (total.is(Kind::string)) throw Failure("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : interpreter.items_of(p[0])) {
    interpreter.charge(total.weight());
    total = binary_operation("+", total, follow_path(interpreter, item, path, Value::none()));
  }
  return total;
}

constexpr std::pair<std::string_view, Filter> kFilters[] = {
    {"map", filter_map},
    {"select", filter_select},
    {"reject", filter_reject},
    {"selectattr", filter_selectattr},
    {"rejectattr", filter_rejectattr},
    {"min", filter_min},
    {"max", filter_max},
    {"sum", filter_sum},
};

}  // namespace

Table<Filter> selection_filters() {
  return kFilters;
}

}  // namespace mica::jinja
