#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "mica/text/jinja/interpreter.h"
#include "mica/text/jinja/value.h"

namespace mica::jinja {

/// Arguments of a built-in function matched with its parameters' names. Throws Failure for too many, unknown, repeated
/// or missing ones.
class Parameters {
 public:
  Parameters(const Arguments& arguments, std::string_view function, std::initializer_list<std::string_view> names,
             size_t required = 0);

  bool has(size_t i) const { return values_[i] != nullptr; }
  /// The value, which must be there.
  const Value& operator[](size_t i) const { return *values_[i]; }
  /// The value converted, or the fallback when it was left out.
  int64_t integer(size_t i, int64_t fallback) const;
  bool boolean(size_t i, bool fallback) const;
  Text text(size_t i, std::string_view fallback) const;
  /// A string argument; other types are a Failure.
  const Text& string(size_t i) const;

 private:
  std::string function_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

/// A filter gets the value it is applied to as its first argument, a test too.
using Filter = Value (*)(Interpreter&, const Arguments&);
using Test = bool (*)(Interpreter&, const Arguments&);
using Method = Value (*)(Interpreter&, const Value& self, const Arguments&);

template <typename F>
using Table = std::span<const std::pair<std::string_view, F>>;

Table<Filter> text_filters();
Value filter_wordwrap(Interpreter& interpreter, const Arguments& arguments);
Table<Filter> sequence_filters();
Table<Filter> selection_filters();
Table<Filter> number_filters();
Table<Test> tests();
Table<Method> string_methods();
Table<Method> list_methods();
Table<Method> dict_methods();

/// Null when there is none of that name.
Filter find_filter(std::string_view name);
Test find_test(std::string_view name);
/// Methods of strings, lists, tuples and dictionaries.
Method find_method(const Value& self, std::string_view name);
/// Whether Python has the method but the sandbox forbids it, because it changes its object.
bool is_mutating_method(const Value& self, std::string_view name);

/// A function as a value.
Value make_function(std::string name, std::function<Value(Interpreter&, const Arguments&)> function);
Value make_bound_method(Value self, Method method);
/// raise_exception, strftime_now, namespace, range, dict, joiner, cycler.
Dict make_globals();

/// Namespaces, whose attributes a template may set.
class Namespace : public Object {
 public:
  std::string type_name() const override { return "Namespace"; }
  Value attribute(std::string_view name) override;
  void set(std::string_view name, Value value);
  void clear() override { values_ = Dict(); }

 private:
  Dict values_;
};

/// str.format and format filters.
Text format_braces(Interpreter& interpreter, const Text& format, const Arguments& arguments);
/// A number by a format specification such as ">8.2f".
Text format_value(const Value& value, std::string_view spec);

/// Text operations shared by filters and methods; positions count bytes.
Text stripped(const Text& text, const std::optional<Text>& characters, bool left, bool right);
Text replaced(const Text& text, const Text& from, const Text& to, int64_t count);
Text map_case(const Text& text, std::string (*convert)(char32_t));
Text capitalized(const Text& text);
Text joined(Interpreter& interpreter, const Text& separator, const std::vector<Value>& items);
std::vector<Text> split_lines(const Text& text, bool keep_ends);
/// Characters of a string as strings.
std::vector<Value> characters_of(const Text& text);
/// Lower case for strings, the value itself for others: the order of sort and its like.
Value ignoring_case(const Value& value);

}  // namespace mica::jinja
