#include "mica/text/jinja/macro.h"

#include <algorithm>

#include <fmt/format.h>

namespace mica::jinja {

void Macro::bind_named(const Arguments& arguments, Scope& scope) const {
  const auto& names = stmt_.parameters;
  const auto given = [&](std::string_view name) {
    return std::ranges::any_of(scope.variables, [&](const auto& variable) { return variable.first == name; });
  };
  Dict extra;
  for (const auto& [name, value] : arguments.named) {
    if (std::ranges::find(names, name) != names.end()) {
      if (given(name)) throw Failure(fmt::format("macro '{}' got two values for '{}'", name_, name));
      scope.set(name, value);
    } else if (name == "caller" && stmt_.uses.caller) {
      scope.set(name, value);
    } else if (stmt_.uses.kwargs) {
      extra.set(name, value);
    } else {
      throw Failure(fmt::format("macro '{}' takes no keyword argument '{}'", name_, name));
    }
  }
  if (stmt_.uses.kwargs && !given("kwargs")) scope.set("kwargs", Value::dict(std::move(extra)));
  if (stmt_.uses.caller && !given("caller")) scope.set("caller", Value::undefined("No caller defined"));
}

Value Macro::call(Interpreter& interpreter, const Arguments& arguments) {
  const Interpreter::Depth depth(interpreter);
  const auto& names = stmt_.parameters;
  auto scope = std::make_shared<Scope>(Scope{scope_, {}});
  const auto& positional = arguments.positional;
  for (size_t i = 0; i < std::min(names.size(), positional.size()); ++i) scope->set(names[i], positional[i]);
  if (stmt_.uses.varargs) {
    const auto first = positional.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), positional.size()));
    scope->set("varargs", Value::tuple({first, positional.end()}));
  } else if (positional.size() > names.size()) {
    throw Failure(fmt::format("macro '{}' takes not more than {} argument(s)", name_, names.size()));
  }
  bind_named(arguments, *scope);
  // Defaults may use the parameters before them.
  for (size_t i = 0; i < names.size(); ++i) {
    const auto known = std::ranges::any_of(scope->variables, [&](const auto& v) { return v.first == names[i]; });
    if (known) continue;
    const ExprPtr& fallback = stmt_.exprs[first_default_ + i];
    scope->set(names[i], fallback ? interpreter.evaluate(*fallback, scope)
                                  : Value::undefined(fmt::format("parameter '{}' was not provided", names[i])));
  }
  return interpreter.capture(stmt_.bodies[0], scope);
}

Value Macro::attribute(std::string_view name) {
  if (name == "name") return Value::string(name_);
  if (name == "arguments") {
    std::vector<Value> names;
    names.reserve(stmt_.parameters.size());
    for (const std::string& parameter : stmt_.parameters) names.push_back(Value::string(parameter));
    return Value::tuple(std::move(names));
  }
  return Object::attribute(name);
}

}  // namespace mica::jinja
