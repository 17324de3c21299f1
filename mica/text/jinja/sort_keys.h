#pragma once

#include <string>
#include <vector>

#include "mica/base/function_ref.h"
#include "mica/text/jinja/interpreter.h"

namespace mica::jinja {

/// What sort, min, unique and so on compare items by: an attribute (or several, joined by commas; dots lead to nested
/// ones), or the item itself; without regard to case unless told.
class KeyMaker {
 public:
  /// `attribute` is None for the item itself; missing attributes become `fallback` unless that is None.
  KeyMaker(Interpreter& interpreter, const Value& attribute, bool case_sensitive, Value fallback = Value::none());
  Value operator()(const Value& item) const;

 private:
  Interpreter& interpreter_;
  std::vector<std::vector<Value>> paths_;
  bool case_sensitive_;
  Value fallback_;
};

/// The parts of an attribute path: "a.0.b" → "a", 0, "b".
std::vector<Value> attribute_path(const Value& attribute);
/// The value at the end of a path, `fallback` where a part is undefined (None: no fallback).
Value follow_path(Interpreter& interpreter, Value item, const std::vector<Value>& path, const Value& fallback);

/// The items in the stable order of their keys.
std::vector<Value> sorted(std::vector<Value> items, FunctionRef<Value(const Value&)> key_of, bool reverse);

}  // namespace mica::jinja
