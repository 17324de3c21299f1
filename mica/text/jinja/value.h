#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mica/text/jinja/text.h"

namespace mica::jinja {

class Dict;
class Interpreter;
class Object;
struct Sequence;

enum class Kind : uint8_t { undefined, none, boolean, integer, real, string, sequence, dict, object };

/// A Python value as templates see them. Values are immutable (the sandbox forbids changing lists and dictionaries), so
/// copies share.
class Value {
 public:
  /// Undefined, with the message that using it as a value gives.
  Value() = default;
  static Value undefined(std::string message);
  static Value none();
  static Value boolean(bool value);
  static Value integer(int64_t value);
  static Value real(double value);
  static Value string(Text value);
  static Value string(std::string trusted) { return string(Text(std::move(trusted))); }
  /// Throws Failure when the nested value gets too big or too deep.
  static Value sequence(Sequence value);
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value dict(Dict value);
  static Value object(std::shared_ptr<Object> value);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_number() const { return kind_ == Kind::boolean || kind_ == Kind::integer || kind_ == Kind::real; }
  /// Integers and booleans, which are integers in Python.
  bool is_integral() const { return kind_ == Kind::boolean || kind_ == Kind::integer; }

  /// Of the matching kind only.
  const std::string& message() const;
  int64_t as_integer() const { return integer_; }
  double as_real() const { return kind_ == Kind::real ? real_ : static_cast<double>(integer_); }
  const Text& text() const { return *static_cast<const Text*>(data_.get()); }
  const std::string& bytes() const { return text().bytes(); }
  const Sequence& sequence() const { return *static_cast<const Sequence*>(data_.get()); }
  const Dict& dict() const { return *static_cast<const Dict*>(data_.get()); }
  Object& object() const { return *static_cast<Object*>(data_.get()); }
  std::shared_ptr<Object> shared_object() const { return std::static_pointer_cast<Object>(data_); }
  const void* identity() const { return data_.get(); }

  /// How much there is of it, for counting work: 1 for each nested value and for each 8 bytes of text.
  uint64_t weight() const;
  int depth() const;

 private:
  Kind kind_ = Kind::undefined;
  union {
    int64_t integer_ = 0;
    double real_;
  };
  std::shared_ptr<void> data_;
};

/// Python's sequence types, and views of dictionaries.
enum class SequenceKind : uint8_t { list, tuple, range, view };

/// A list or tuple.
struct Sequence {
  SequenceKind kind = SequenceKind::list;
  std::vector<Value> items;
  /// What str() shows around a range's or view's items; names of a named tuple's fields.
  std::string shown_as;
  std::vector<std::string> field_names;
  uint64_t weight = 1;
  int depth = 1;
};

/// A dictionary in insertion order.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  /// The value of a key, or null.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Adds or replaces. Throws Failure for keys that Python cannot hash.
  void set(Value key, Value value);
  void set(std::string_view key, Value value) { set(Value::string(std::string(key)), std::move(value)); }
  void remove(std::string_view key);

 private:
  friend class Value;
  size_t position(const Value& key) const;
  size_t position(std::string_view key) const;
  std::vector<Entry> entries_;
  /// Positions of string keys, once there are many.
  std::unordered_map<std::string, size_t> index_;
  uint64_t weight_ = 1;
  int depth_ = 1;
};

/// Arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Things with behaviour: functions, macros, loop, namespace, generators.
class Object {
 public:
  Object() = default;
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  /// What type() and error messages call it.
  virtual std::string type_name() const = 0;
  virtual bool is_callable() const { return false; }
  virtual Value call(Interpreter& interpreter, const Arguments& arguments);
  /// Undefined when there is no such attribute.
  virtual Value attribute(std::string_view name);
  virtual bool is_iterable() const { return false; }
  /// The items; of a generator what is left of them.
  virtual std::vector<Value> take_items() { return {}; }
  /// Number of items; throws Failure for what has none.
  virtual size_t length() const;
  /// Drops references to other values, which may lead back to this one.
  virtual void clear() {}
};

/// What map, select and so on give: its items can be read once.
class Generator : public Object {
 public:
  explicit Generator(std::vector<Value> items) : items_(std::move(items)) {}
  std::string type_name() const override { return "generator"; }
  bool is_iterable() const override { return true; }
  std::vector<Value> take_items() override { return std::exchange(items_, {}); }

 private:
  std::vector<Value> items_;
};

Value make_generator(std::vector<Value> items);

/// Python's name of the value's type: "str", "NoneType" …
std::string type_name(const Value& value);
/// Python's truth value.
bool is_true(const Value& value);
/// Python's ==.
bool equal(const Value& a, const Value& b);
/// Negative, 0, positive; throws Failure when Python's < does.
int compare(const Value& a, const Value& b);
/// Throws Failure with its message when the value is undefined.
void require_defined(const Value& value);

}  // namespace mica::jinja
