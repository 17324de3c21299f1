#include "mica/text/jinja/builtins.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>

#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

template <typename F>
std::unordered_map<std::string_view, F> index_of(std::initializer_list<Table<F>> tables) {
  std::unordered_map<std::string_view, F> out;
  for (const Table<F>& table : tables) out.insert(table.begin(), table.end());
  return out;
}

class Function : public Object {
 public:
  Function(std::string name, std::function<Value(Interpreter&, const Arguments&)> function)
      : name_(std::move(name)), function_(std::move(function)) {}
  std::string type_name() const override { return "function"; }
  bool is_callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override {
    return function_(interpreter, arguments);
  }

 private:
  std::string name_;
  std::function<Value(Interpreter&, const Arguments&)> function_;
};

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, Method method) : self_(std::move(self)), method_(method) {}
  std::string type_name() const override { return "builtin_function_or_method"; }
  bool is_callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override {
    interpreter.charge(self_.weight());
    return method_(interpreter, self_, arguments);
  }

 private:
  Value self_;
  Method method_;
};

}  // namespace

Parameters::Parameters(const Arguments& arguments, std::string_view function,
                       std::initializer_list<std::string_view> names, size_t required)
    : function_(function), names_(names), values_(names.size()) {
  if (arguments.positional.size() > names.size()) {
    throw Failure(
        fmt::format("{}() takes at most {} arguments, {} given", function, names.size(), arguments.positional.size()));
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::ranges::find(names_, name);
    if (found == names_.end())
      throw Failure(fmt::format("{}() got an unexpected keyword argument '{}'", function, name));
    const Value*& slot = values_[static_cast<size_t>(found - names_.begin())];
    if (slot) throw Failure(fmt::format("{}() got multiple values for argument '{}'", function, name));
    slot = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!values_[i]) throw Failure(fmt::format("{}() is missing the argument '{}'", function, names_[i]));
  }
}

int64_t Parameters::integer(size_t i, int64_t fallback) const {
  if (!has(i)) return fallback;
  require_defined(*values_[i]);
  if (!values_[i]->is_integral()) {
    throw Failure(fmt::format("{}(): '{}' must be an integer, not {}", function_, names_[i], type_name(*values_[i])));
  }
  return values_[i]->as_integer();
}

bool Parameters::boolean(size_t i, bool fallback) const {
  return has(i) ? is_true(*values_[i]) : fallback;
}

Text Parameters::text(size_t i, std::string_view fallback) const {
  return has(i) ? to_text(*values_[i]) : Text(std::string(fallback));
}

const Text& Parameters::string(size_t i) const {
  require_defined(*values_[i]);
  if (!values_[i]->is(Kind::string)) {
    throw Failure(fmt::format("{}(): '{}' must be str, not {}", function_, names_[i], type_name(*values_[i])));
  }
  return values_[i]->text();
}

Filter find_filter(std::string_view name) {
  static const auto kFilters =
      index_of<Filter>({text_filters(), sequence_filters(), selection_filters(), number_filters()});
  const auto found = kFilters.find(name);
  return found == kFilters.end() ? nullptr : found->second;
}

Test find_test(std::string_view name) {
  static const auto kTests = index_of<Test>({tests()});
  const auto found = kTests.find(name);
  return found == kTests.end() ? nullptr : found->second;
}

Method find_method(const Value& self, std::string_view name) {
  static const auto kString = index_of<Method>({string_methods()});
  static const auto kList = index_of<Method>({list_methods()});
  static const auto kDict = index_of<Method>({dict_methods()});
  const auto find = [&](const auto& methods) {
    const auto found = methods.find(name);
    return found == methods.end() ? nullptr : found->second;
  };
  if (self.is(Kind::string)) return find(kString);
  if (self.is(Kind::dict)) return find(kDict);
  if (!self.is(Kind::sequence) || self.sequence().kind == SequenceKind::view) return nullptr;
  if (self.sequence().kind != SequenceKind::list && name == "copy") return nullptr;
  return find(kList);
}

bool is_mutating_method(const Value& self, std::string_view name) {
  static constexpr std::array<std::string_view, 5> kDict = {"clear", "pop", "popitem", "setdefault", "update"};
  static constexpr std::array<std::string_view, 7> kList = {"append", "clear",  "extend", "insert",
                                                            "pop",    "remove", "reverse"};
  if (self.is(Kind::dict)) return std::ranges::find(kDict, name) != kDict.end();
  if (!self.is(Kind::sequence) || self.sequence().kind != SequenceKind::list) return false;
  return name == "sort" || std::ranges::find(kList, name) != kList.end();
}

Value make_function(std::string name, std::function<Value(Interpreter&, const Arguments&)> function) {
  return Value::object(std::make_shared<Function>(std::move(name), std::move(function)));
}

Value make_bound_method(Value self, Method method) {
  return Value::object(std::make_shared<BoundMethod>(std::move(self), method));
}

}  // namespace mica::jinja
