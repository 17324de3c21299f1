#include "mica/text/jinja/sort_keys.h"

#include <algorithm>
#include <numeric>

#include "mica/text/jinja/builtins.h"

namespace mica::jinja {

std::vector<Value> attribute_path(const Value& attribute) {
  if (attribute.is(Kind::none)) return {};
  if (!attribute.is(Kind::string)) return {attribute};
  std::vector<Value> out;
  const std::string& text = attribute.bytes();
  for (size_t at = 0; at <= text.size();) {
    const size_t dot = std::min(text.find('.', at), text.size());
    const std::string part = text.substr(at, dot - at);
    const bool number = !part.empty() && part.size() < 10 &&
                        std::ranges::all_of(part, [](unsigned char c) { return c >= '0' && c <= '9'; });
    out.push_back(number ? Value::integer(std::stoi(part)) : Value::string(part));
    at = dot + 1;
  }
  return out;
}

Value follow_path(Interpreter& interpreter, Value item, const std::vector<Value>& path, const Value& fallback) {
  for (const Value& part : path) {
    item = interpreter.item(item, part);
    if (item.is(Kind::undefined) && !fallback.is(Kind::none)) item = fallback;
  }
  return item;
}

KeyMaker::KeyMaker(Interpreter& interpreter, const Value& attribute, bool case_sensitive, Value fallback)
    : interpreter_(interpreter), case_sensitive_(case_sensitive), fallback_(std::move(fallback)) {
  if (!attribute.is(Kind::string)) {
    paths_.push_back(attribute_path(attribute));
    return;
  }
  const std::string& text = attribute.bytes();
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    paths_.push_back(attribute_path(Value::string(text.substr(at, comma - at))));
    at = comma + 1;
  }
}

Value KeyMaker::operator()(const Value& item) const {
  interpreter_.charge(item.weight());
  std::vector<Value> parts;
  for (const auto& path : paths_) {
    Value part = follow_path(interpreter_, item, path, fallback_);
    parts.push_back(case_sensitive_ ? part : ignoring_case(part));
  }
  return parts.size() == 1 ? parts[0] : Value::list(std::move(parts));
}

std::vector<Value> sorted(std::vector<Value> items, FunctionRef<Value(const Value&)> key_of, bool reverse) {
  std::vector<Value> keys;
  keys.reserve(items.size());
  for (const Value& item : items) keys.push_back(key_of(item));
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return reverse ? compare(keys[b], keys[a]) < 0 : compare(keys[a], keys[b]) < 0;
  });
  std::vector<Value> out;
  out.reserve(items.size());
  for (const size_t i : order) out.push_back(std::move(items[i]));
  return out;
}

}  // namespace mica::jinja
