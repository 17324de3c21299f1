#include <algorithm>

#include <fmt/format.h>

#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/interpreter.h"

namespace mica::jinja {
namespace {

std::string described(const Value& object) {
  return object.is(Kind::none) ? "'None'" : fmt::format("'{} object'", type_name(object));
}

Value no_attribute(const Value& object, std::string_view name) {
  return Value::undefined(fmt::format("{} has no attribute '{}'", described(object), name));
}

/// Python's attributes of a value, without the items of dictionaries; `found` tells whether there is one.
Value python_attribute(const Value& object, std::string_view name, bool& found) {
  found = true;
  const bool special = name.size() > 4 && name.starts_with("__") && name.ends_with("__");
  if (special || is_mutating_method(object, name)) {
    return Value::undefined(fmt::format("access to attribute '{}' of '{}' object is unsafe", name, type_name(object)));
  }
  if (const Method method = find_method(object, name)) return make_bound_method(object, method);
  if (object.is(Kind::sequence)) {
    const Sequence& sequence = object.sequence();
    const auto field = std::ranges::find(sequence.field_names, name);
    if (field != sequence.field_names.end())
      return sequence.items[static_cast<size_t>(field - sequence.field_names.begin())];
  }
  if (object.is(Kind::object)) return object.object().attribute(name);
  found = false;
  return no_attribute(object, name);
}

/// Python's index: counted from the end when negative. False when it lies outside.
bool resolve_index(int64_t index, size_t size, size_t& out) {
  const auto count = static_cast<int64_t>(size);
  if (index < 0) index += count;
  out = static_cast<size_t>(index);
  return index >= 0 && index < count;
}

/// The indices of a Python slice.
std::vector<size_t> slice_indices(size_t size, const Value& start, const Value& stop, const Value& step) {
  const auto count = static_cast<int64_t>(size);
  const auto bound = [&](const Value& value, int64_t fallback, int64_t low, int64_t high) {
    if (value.is(Kind::none)) return fallback;
    if (!value.is_integral()) throw Failure("slice indices must be integers or None");
    const int64_t at = value.as_integer();
    return std::clamp(at < 0 ? std::max(at, -count - 1) + count : at, low, high);
  };
  int64_t stride = 1;
  if (!step.is(Kind::none)) {
    if (!step.is_integral()) throw Failure("slice indices must be integers or None");
    stride = step.as_integer();
    if (stride == 0) throw Failure("slice step cannot be zero");
    stride = std::clamp<int64_t>(stride, -count - 1, count + 1);
  }
  const bool up = stride > 0;
  const int64_t low = up ? 0 : -1;
  const int64_t high = up ? count : count - 1;
  const int64_t first = bound(start, up ? 0 : count - 1, low, high);
  const int64_t last = bound(stop, up ? count : -1, low, high);
  std::vector<size_t> out;
  for (int64_t i = first; up ? i < last : i > last; i += stride) out.push_back(static_cast<size_t>(i));
  return out;
}

/// Where each character starts, and the end.
std::vector<size_t> character_starts(const std::string& bytes) {
  std::vector<size_t> out;
  out.reserve(bytes.size() + 1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if ((bytes[i] & 0xc0) != 0x80) out.push_back(i);
  }
  out.push_back(bytes.size());
  return out;
}

}  // namespace

Value Interpreter::attribute(const Value& object, std::string_view name) {
  require_defined(object);
  bool found = false;
  Value value = python_attribute(object, name, found);
  if (!found && object.is(Kind::dict)) {
    if (const Value* entry = object.dict().find(name)) return *entry;
  }
  return value;
}

Value Interpreter::item(const Value& object, const Value& key) {
  require_defined(object);
  if (object.is(Kind::dict)) {
    const bool unhashable = key.is(Kind::dict) || (key.is(Kind::sequence) && key.sequence().kind == SequenceKind::list);
    const Value* entry = unhashable ? nullptr : object.dict().find(key);
    if (entry) return *entry;
  } else if (key.is_integral()) {
    size_t at = 0;
    if (object.is(Kind::string)) {
      charge(object.weight());
      const std::vector<size_t> starts = character_starts(object.bytes());
      if (resolve_index(key.as_integer(), starts.size() - 1, at)) {
        return Value::string(object.text().part(starts[at], starts[at + 1]));
      }
    } else if (object.is(Kind::sequence) && object.sequence().kind != SequenceKind::view) {
      if (resolve_index(key.as_integer(), object.sequence().items.size(), at)) return object.sequence().items[at];
    }
  }
  if (key.is(Kind::string)) {
    bool found = false;
    return python_attribute(object, key.bytes(), found);
  }
  return Value::undefined(fmt::format("{} has no such element", described(object)));
}

Value Interpreter::slice(const Value& object, const Value& start, const Value& stop, const Value& step) {
  require_defined(object);
  if (object.is(Kind::string)) {
    const std::vector<size_t> starts = character_starts(object.bytes());
    Text out;
    for (const size_t i : slice_indices(starts.size() - 1, start, stop, step)) {
      out.append(object.text(), starts[i], starts[i + 1]);
    }
    return Value::string(out.as_markup(object.text().is_markup()));
  }
  if (object.is(Kind::sequence) && object.sequence().kind != SequenceKind::view) {
    const Sequence& sequence = object.sequence();
    std::vector<Value> items;
    for (const size_t i : slice_indices(sequence.items.size(), start, stop, step)) items.push_back(sequence.items[i]);
    return Value::sequence({sequence.kind, std::move(items), sequence.shown_as, {}});
  }
  throw Failure(fmt::format("'{}' object cannot be sliced", type_name(object)));
}

std::vector<Value> Interpreter::items_of(const Value& value) {
  charge(value.weight());
  switch (value.kind()) {
    case Kind::undefined:
      return {};
    case Kind::string:
      charge(value.text().size());
      return characters_of(value.text());
    case Kind::sequence:
      return value.sequence().items;
    case Kind::dict: {
      std::vector<Value> keys;
      for (const auto& [key, item] : value.dict().entries()) keys.push_back(key);
      return keys;
    }
    case Kind::object:
      if (value.object().is_iterable()) return value.object().take_items();
      break;
    default:
      break;
  }
  throw Failure(fmt::format("'{}' object is not iterable", type_name(value)));
}

}  // namespace mica::jinja
