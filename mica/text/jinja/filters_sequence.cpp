// Filters on lists and dictionaries.
#include <algorithm>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/operators.h"
#include "mica/text/jinja/print.h"
#include "mica/text/jinja/sort_keys.h"

namespace mica::jinja {
namespace {

Value filter_length(Interpreter&, const Arguments& a) {
  const Parameters p(a, "length", {"value"}, 1);
  const auto size = [&]() -> size_t {
    switch (p[0].kind()) {
      case Kind::undefined:
        return 0;
      case Kind::string:
        return count_code_points(p[0].bytes());
      case Kind::sequence:
        return p[0].sequence().items.size();
      case Kind::dict:
        return p[0].dict().size();
      case Kind::object:
        return p[0].object().length();
      default:
        throw Failure(fmt::format("object of type '{}' has no len()", type_name(p[0])));
    }
  }();
  return Value::integer(static_cast<int64_t>(size));
}

Value filter_first(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "first", {"seq"}, 1);
  const std::vector<Value> items = interpreter.items_of(p[0]);
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Value filter_last(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "last", {"seq"}, 1);
  if (p[0].is(Kind::object)) throw Failure(fmt::format("'{}' object is not reversible", type_name(p[0])));
  const std::vector<Value> items = interpreter.items_of(p[0]);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value filter_list(Interpreter& interpreter, const Arguments& a) {
  return Value::list(interpreter.items_of(Parameters(a, "list", {"value"}, 1)[0]));
}

Value filter_reverse(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "reverse", {"value"}, 1);
  std::vector<Value> items = interpreter.items_of(p[0]);
  std::ranges::reverse(items);
  if (p[0].is(Kind::string)) return Value::string(joined(interpreter, Text(), items));
  return make_generator(std::move(items));
}

Value filter_items(Interpreter&, const Arguments& a) {
  const Parameters p(a, "items", {"value"}, 1);
  if (p[0].is(Kind::undefined)) return make_generator({});
  if (!p[0].is(Kind::dict)) throw Failure("Can only get item pairs from a mapping.");
  std::vector<Value> pairs;
  for (const auto& [key, value] : p[0].dict().entries()) pairs.push_back(Value::tuple({key, value}));
  return make_generator(std::move(pairs));
}

Value filter_default(Interpreter&, const Arguments& a) {
  const Parameters p(a, "default", {"value", "default_value", "boolean"}, 1);
  const bool use = p[0].is(Kind::undefined) || (p.boolean(2, false) && !is_true(p[0]));
  if (!use) return p[0];
  return p.has(1) ? p[1] : Value::string("");
}

Value filter_sort(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "sort", {"value", "reverse", "case_sensitive", "attribute"}, 1);
  const KeyMaker key_of(interpreter, p.has(3) ? p[3] : Value::none(), p.boolean(2, false));
  return Value::list(
      sorted(interpreter.items_of(p[0]), [&](const Value& v) { return key_of(v); }, p.boolean(1, false)));
}

Value filter_dictsort(Interpreter&, const Arguments& a) {
  const Parameters p(a, "dictsort", {"value", "case_sensitive", "by", "reverse"}, 1);
  require_defined(p[0]);
  if (!p[0].is(Kind::dict)) throw Failure(fmt::format("'{}' object has no attribute 'items'", type_name(p[0])));
  const std::string by = p.text(2, "key").bytes();
  if (by != "key" && by != "value") throw Failure("You can only sort by either \"key\" or \"value\"");
  std::vector<Value> pairs;
  for (const auto& [key, value] : p[0].dict().entries()) pairs.push_back(Value::tuple({key, value}));
  const bool case_sensitive = p.boolean(1, false);
  const auto key_of = [&](const Value& pair) {
    const Value& part = pair.sequence().items[by == "key" ? 0 : 1];
    return case_sensitive ? part : ignoring_case(part);
  };
  return Value::list(sorted(std::move(pairs), key_of, p.boolean(3, false)));
}

Value filter_unique(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "unique", {"value", "case_sensitive", "attribute"}, 1);
  const KeyMaker key_of(interpreter, p.has(2) ? p[2] : Value::none(), p.boolean(1, false));
  Dict seen;
  std::vector<Value> out;
  for (const Value& item : interpreter.items_of(p[0])) {
    Value key = key_of(item);
    interpreter.charge(seen.size() / 64);
    if (seen.find(key)) continue;
    seen.set(std::move(key), Value::none());
    out.push_back(item);
  }
  return make_generator(std::move(out));
}

Value filter_groupby(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "groupby", {"value", "attribute", "default", "case_sensitive"}, 2);
  const bool case_sensitive = p.boolean(3, false);
  const KeyMaker key_of(interpreter, p[1], case_sensitive, p.has(2) ? p[2] : Value::none());
  const KeyMaker shown_key(interpreter, p[1], true, p.has(2) ? p[2] : Value::none());
  const auto items = sorted(interpreter.items_of(p[0]), [&](const Value& v) { return key_of(v); }, false);
  std::vector<Value> groups;
  for (size_t i = 0; i < items.size();) {
    std::vector<Value> group = {items[i]};
    const Value key = key_of(items[i]);
    size_t end = i + 1;
    for (; end < items.size() && equal(key_of(items[end]), key); ++end) group.push_back(items[end]);
    groups.push_back(Value::sequence(
        {SequenceKind::tuple, {shown_key(items[i]), Value::list(std::move(group))}, "", {"grouper", "list"}}));
    i = end;
  }
  return Value::list(std::move(groups));
}

Value filter_batch(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "batch", {"value", "linecount", "fill_with"}, 2);
  const int64_t count = p.integer(1, 1);
  std::vector<Value> rows;
  std::vector<Value> row;
  for (Value& item : interpreter.items_of(p[0])) {
    if (static_cast<int64_t>(row.size()) == count) rows.push_back(Value::list(std::exchange(row, {})));
    row.push_back(std::move(item));
  }
  if (!row.empty()) {
    while (p.has(2) && !p[2].is(Kind::none) && static_cast<int64_t>(row.size()) < count) {
      interpreter.charge(1);
      row.push_back(p[2]);
    }
    rows.push_back(Value::list(std::move(row)));
  }
  return make_generator(std::move(rows));
}

Value filter_slice(Interpreter& interpreter, const Arguments& a) {
  const Parameters p(a, "slice", {"value", "slices", "fill_with"}, 2);
  const std::vector<Value> items = interpreter.items_of(p[0]);
  const int64_t slices = p.integer(1, 1);
  if (slices == 0) throw Failure("integer division or modulo by zero");
  std::vector<Value> out;
  const auto count = static_cast<int64_t>(items.size());
  size_t at = 0;
  for (int64_t i = 0; i < slices; ++i) {
    interpreter.charge(1);
    const bool longer = i < count % slices;
    const size_t size = static_cast<size_t>(count / slices) + (longer ? 1 : 0);
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<Value> part(begin, begin + static_cast<std::ptrdiff_t>(size));
    at += size;
    if (p.has(2) && !p[2].is(Kind::none) && !longer) part.push_back(p[2]);
    out.push_back(Value::list(std::move(part)));
  }
  return make_generator(std::move(out));
}

constexpr std::pair<std::string_view, Filter> kFilters[] = {
    {"length", filter_length},   {"count", filter_length},      {"first", filter_first},
    {"last", filter_last},       {"list", filter_list},         {"reverse", filter_reverse},
    {"items", filter_items},     {"default", filter_default},   {"d", filter_default},
    {"sort", filter_sort},       {"dictsort", filter_dictsort}, {"unique", filter_unique},
    {"groupby", filter_groupby}, {"batch", filter_batch},       {"slice", filter_slice},
};

}  // namespace

Table<Filter> sequence_filters() {
  return kFilters;
}

}  // namespace mica::jinja
