// Methods of Python's list, tuple and dict that change nothing.
#include <algorithm>

#include "mica/text/jinja/builtins.h"

namespace mica::jinja {
namespace {

Value list_count(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "count", {"value"}, 1);
  return Value::integer(
      std::ranges::count_if(self.sequence().items, [&](const Value& item) { return equal(item, p[0]); }));
}

Value list_index(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "index", {"value"}, 1);
  const auto& items = self.sequence().items;
  const auto found = std::ranges::find_if(items, [&](const Value& item) { return equal(item, p[0]); });
  if (found == items.end()) throw Failure("the value is not in the list");
  return Value::integer(found - items.begin());
}

Value list_copy(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "copy", {});
  return Value::list(self.sequence().items);
}

Value view(std::vector<Value> items, std::string name) {
  return Value::sequence({SequenceKind::view, std::move(items), std::move(name), {}});
}

Value dict_items(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "items", {});
  std::vector<Value> out;
  for (const auto& [key, value] : self.dict().entries()) out.push_back(Value::tuple({key, value}));
  return view(std::move(out), "dict_items");
}

Value dict_keys(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "keys", {});
  std::vector<Value> out;
  for (const auto& [key, value] : self.dict().entries()) out.push_back(key);
  return view(std::move(out), "dict_keys");
}

Value dict_values(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "values", {});
  std::vector<Value> out;
  for (const auto& [key, value] : self.dict().entries()) out.push_back(value);
  return view(std::move(out), "dict_values");
}

Value dict_get(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "get", {"key", "default"}, 1);
  if (!a.named.empty()) throw Failure("dict.get() takes no keyword arguments");
  const Value* found = self.dict().find(p[0]);
  if (found) return *found;
  return p.has(1) ? p[1] : Value::none();
}

Value dict_copy(Interpreter&, const Value& self, const Arguments& a) {
  const Parameters p(a, "copy", {});
  return self;
}

constexpr std::pair<std::string_view, Method> kList[] = {
    {"count", list_count}, {"index", list_index}, {"copy", list_copy}};
constexpr std::pair<std::string_view, Method> kDict[] = {
    {"items", dict_items}, {"keys", dict_keys}, {"values", dict_values}, {"get", dict_get}, {"copy", dict_copy}};

}  // namespace

Table<Method> list_methods() {
  return kList;
}
Table<Method> dict_methods() {
  return kDict;
}

}  // namespace mica::jinja
