#include <fmt/format.h>

#include "mica/text/jinja/builtins.h"
#include "mica/text/jinja/interpreter.h"
#include "mica/text/jinja/operators.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {

Value Interpreter::evaluate(const Expr& expr, const ScopePtr& scope) {
  const Depth depth(*this);
  charge(1);
  line_ = expr.line;
  const auto child = [&](size_t i) { return evaluate(*expr.children[i], scope); };
  switch (expr.kind) {
    case ExprKind::constant:
      return expr.value;
    case ExprKind::name:
      return evaluate_name(expr, scope);
    case ExprKind::list:
      return Value::list(evaluate_all(expr.children, scope));
    case ExprKind::tuple:
      return Value::tuple(evaluate_all(expr.children, scope));
    case ExprKind::dict:
      return evaluate_dict(expr, scope);
    case ExprKind::attribute:
      return attribute(child(0), expr.name);
    case ExprKind::item:
      return evaluate_item(expr, scope);
    case ExprKind::slice:
      throw Failure("a slice outside of brackets");
    case ExprKind::call: {
      const Value callee = child(0);
      return call(callee, evaluate_arguments(expr.arguments, scope));
    }
    case ExprKind::filter:
      return evaluate_filter(expr, scope, nullptr);
    case ExprKind::test: {
      Arguments arguments = evaluate_arguments(expr.arguments, scope);
      arguments.positional.insert(arguments.positional.begin(), child(0));
      return Value::boolean(apply_test(expr.name, arguments));
    }
    case ExprKind::negative:
      return negated(child(0));
    case ExprKind::positive:
      return made_positive(child(0));
    case ExprKind::logical_not:
      return Value::boolean(!is_true(child(0)));
    case ExprKind::logical_and: {
      Value left = child(0);
      return is_true(left) ? child(1) : left;
    }
    case ExprKind::logical_or: {
      Value left = child(0);
      return is_true(left) ? left : child(1);
    }
    case ExprKind::binary: {
      const Value left = child(0);
      const Value right = child(1);
      charge(left.weight() + right.weight());
      Value result = binary_operation(expr.name, left, right);
      charge(result.weight());
      return result;
    }
    case ExprKind::concat:
      return evaluate_concat(expr, scope);
    case ExprKind::comparison:
      return evaluate_comparison(expr, scope);
    case ExprKind::conditional:
      if (is_true(child(1))) return child(0);
      if (expr.children[2]) return child(2);
      return Value::undefined("the inline if-expression evaluated to false and no else section was defined");
  }
  return {};
}

Value Interpreter::evaluate_name(const Expr& expr, const ScopePtr& scope) {
  const Value* value = scope->find(expr.name);
  return value ? *value : Value::undefined(fmt::format("'{}' is undefined", expr.name));
}

std::vector<Value> Interpreter::evaluate_all(const std::vector<ExprPtr>& exprs, const ScopePtr& scope) {
  std::vector<Value> out;
  out.reserve(exprs.size());
  for (const ExprPtr& expr : exprs) out.push_back(evaluate(*expr, scope));
  return out;
}

Value Interpreter::evaluate_dict(const Expr& expr, const ScopePtr& scope) {
  Dict out;
  for (size_t i = 0; i < expr.children.size(); i += 2) {
    Value key = evaluate(*expr.children[i], scope);
    out.set(std::move(key), evaluate(*expr.children[i + 1], scope));
  }
  return Value::dict(std::move(out));
}

Value Interpreter::evaluate_item(const Expr& expr, const ScopePtr& scope) {
  const Value object = evaluate(*expr.children[0], scope);
  const Expr& key = *expr.children[1];
  if (key.kind != ExprKind::slice) return item(object, evaluate(key, scope));
  const auto part = [&](size_t i) { return key.children[i] ? evaluate(*key.children[i], scope) : Value::none(); };
  const Value start = part(0);
  const Value stop = part(1);
  const Value step = part(2);
  charge(object.weight());
  return slice(object, start, stop, step);
}

Value Interpreter::evaluate_concat(const Expr& expr, const ScopePtr& scope) {
  Text out;
  for (const ExprPtr& part : expr.children) {
    const Value value = evaluate(*part, scope);
    charge(value.weight());
    out.append(to_text(value));
  }
  return Value::string(std::move(out));
}

Value Interpreter::evaluate_comparison(const Expr& expr, const ScopePtr& scope) {
  Value left = evaluate(*expr.children[0], scope);
  for (size_t i = 0; i < expr.names.size(); ++i) {
    Value right = evaluate(*expr.children[i + 1], scope);
    charge(left.weight() + right.weight());
    if (!compare_with(expr.names[i], left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluate_filter(const Expr& expr, const ScopePtr& scope, const Value* input) {
  const Expr* inner = expr.children[0].get();
  // The chain of a filter block ends in a filter without an operand: the block's text.
  Value value;
  if (!inner) {
    if (input) value = *input;
  } else {
    value = input && inner->kind == ExprKind::filter ? evaluate_filter(*inner, scope, input) : evaluate(*inner, scope);
  }
  Arguments arguments = evaluate_arguments(expr.arguments, scope);
  arguments.positional.insert(arguments.positional.begin(), std::move(value));
  line_ = expr.line;
  return apply_filter(expr.name, arguments);
}

Arguments Interpreter::evaluate_arguments(const CallArguments& arguments, const ScopePtr& scope) {
  Arguments out;
  out.positional = evaluate_all(arguments.positional, scope);
  for (const auto& [name, expr] : arguments.named) out.named.emplace_back(name, evaluate(*expr, scope));
  if (arguments.star) {
    for (Value& value : items_of(evaluate(*arguments.star, scope))) out.positional.push_back(std::move(value));
  }
  if (arguments.double_star) {
    const Value extra = evaluate(*arguments.double_star, scope);
    if (!extra.is(Kind::dict))
      throw Failure(fmt::format("argument after ** must be a mapping, not {}", type_name(extra)));
    for (const auto& [name, value] : extra.dict().entries()) {
      if (!name.is(Kind::string)) throw Failure("keywords must be strings");
      out.named.emplace_back(name.bytes(), value);
    }
  }
  return out;
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  require_defined(callee);
  if (!callee.is(Kind::object) || !callee.object().is_callable()) {
    throw Failure(fmt::format("'{}' object is not callable", type_name(callee)));
  }
  charge(arguments);
  const Depth depth(*this);
  const auto alive = callee.shared_object();
  Value result = alive->call(*this, arguments);
  charge(result.weight());
  return result;
}

Value Interpreter::apply_filter(std::string_view name, const Arguments& arguments) {
  const Filter filter = find_filter(name);
  if (!filter) throw Failure(fmt::format("No filter named '{}'.", name));
  charge(arguments);
  const Depth depth(*this);
  Value result = filter(*this, arguments);
  charge(result.weight());
  return result;
}

bool Interpreter::apply_test(std::string_view name, const Arguments& arguments) {
  const Test test = find_test(name);
  if (!test) throw Failure(fmt::format("No test named '{}'.", name));
  charge(arguments);
  return test(*this, arguments);
}

}  // namespace mica::jinja
