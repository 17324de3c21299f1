#include "mica/text/jinja/parser.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "mica/base/error.h"
#include "mica/text/jinja/nesting.h"

namespace mica::jinja {
namespace {

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::end:
      return "the end of the template";
    case TokenKind::block_begin:
      return "'{%'";
    case TokenKind::block_end:
      return "'%}'";
    case TokenKind::variable_begin:
      return "'{{'";
    case TokenKind::variable_end:
      return "'}}'";
    case TokenKind::data:
      return "text";
    default:
      return mica::quoted(token.text);
  }
}

std::vector<ExprPtr> list_of(ExprPtr a, ExprPtr b) {
  std::vector<ExprPtr> out;
  out.push_back(std::move(a));
  out.push_back(std::move(b));
  return out;
}

std::vector<ExprPtr> list_of(ExprPtr a) {
  std::vector<ExprPtr> out;
  out.push_back(std::move(a));
  return out;
}

}  // namespace

void Parser::fail_here(std::string_view what) const {
  fail_in_template(name_, current().line, what);
}

void Parser::fail_expected(std::string_view what) const {
  fail_here(fmt::format("expected {}, got {}", what, describe(current())));
}

bool Parser::accept_symbol(std::string_view symbol) {
  if (!at_symbol(symbol)) return false;
  next();
  return true;
}

bool Parser::accept_name(std::string_view name) {
  if (!at_name(name)) return false;
  next();
  return true;
}

void Parser::expect_symbol(std::string_view symbol) {
  if (!accept_symbol(symbol)) fail_expected(fmt::format("'{}'", symbol));
}

std::string Parser::expect_name() {
  if (current().kind != TokenKind::name) fail_expected("a name");
  return next().text;
}

ExprPtr Parser::finished(ExprPtr node) const {
  const auto count = [&](const ExprPtr& child) {
    if (child) node->depth = std::max(node->depth, 1 + child->depth);
  };
  for (const ExprPtr& child : node->children) count(child);
  for (const ExprPtr& child : node->arguments.positional) count(child);
  for (const auto& [name, child] : node->arguments.named) count(child);
  count(node->arguments.star);
  count(node->arguments.double_star);
  if (node->depth > kMaxNesting) fail_in_template(name_, node->line, "nested too deeply");
  return node;
}

ExprPtr Parser::make(ExprKind kind, int line) const {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->line = line;
  return node;
}

ExprPtr Parser::make(ExprKind kind, int line, std::vector<ExprPtr> children, std::string name) const {
  auto node = make(kind, line);
  node->children = std::move(children);
  node->name = std::move(name);
  return finished(std::move(node));
}

ExprPtr Parser::parse_expression(bool with_conditional) {
  const Nesting nesting(*this);
  if (!with_conditional) return parse_or();
  const int line = current().line;
  ExprPtr node = parse_or();
  while (accept_name("if")) {
    std::vector<ExprPtr> parts = list_of(std::move(node), parse_or());
    parts.push_back(accept_name("else") ? parse_expression() : nullptr);
    node = make(ExprKind::conditional, line, std::move(parts));
  }
  return node;
}

/// An expression, or a tuple of them without parentheses. It must not be empty.
ExprPtr Parser::parse_tuple(bool with_conditional) {
  const int line = current().line;
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  while (true) {
    const TokenKind kind = current().kind;
    if (kind == TokenKind::variable_end || kind == TokenKind::block_end || at_symbol(")")) break;
    items.push_back(parse_expression(with_conditional));
    if (!accept_symbol(",")) break;
    is_tuple = true;
  }
  if (items.empty()) fail_expected("an expression");
  if (!is_tuple) return std::move(items[0]);
  return make(ExprKind::tuple, line, std::move(items));
}

ExprPtr Parser::parse_or() {
  const int line = current().line;
  ExprPtr left = parse_and();
  while (accept_name("or")) left = make(ExprKind::logical_or, line, list_of(std::move(left), parse_and()));
  return left;
}

ExprPtr Parser::parse_and() {
  const int line = current().line;
  ExprPtr left = parse_not();
  while (accept_name("and")) left = make(ExprKind::logical_and, line, list_of(std::move(left), parse_not()));
  return left;
}

ExprPtr Parser::parse_not() {
  const Nesting nesting(*this);
  const int line = current().line;
  if (accept_name("not")) return make(ExprKind::logical_not, line, list_of(parse_not()));
  return parse_comparison();
}

ExprPtr Parser::parse_comparison() {
  const int line = current().line;
  std::vector<ExprPtr> operands = list_of(parse_sum());
  std::vector<std::string> operators;
  while (true) {
    const Token& token = current();
    const bool symbol =
        token.kind == TokenKind::symbol && (token.text == "==" || token.text == "!=" || token.text == "<" ||
                                            token.text == "<=" || token.text == ">" || token.text == ">=");
    if (symbol || at_name("in")) {
      operators.push_back(next().text);
    } else if (at_name("not") && ahead().is_name("in")) {
      next();
      next();
      operators.emplace_back("not in");
    } else {
      break;
    }
    operands.push_back(parse_sum());
  }
  if (operators.empty()) return std::move(operands[0]);
  auto node = make(ExprKind::comparison, line);
  node->children = std::move(operands);
  node->names = std::move(operators);
  return finished(std::move(node));
}

ExprPtr Parser::parse_sum() {
  ExprPtr left = parse_concat();
  while (at_symbol("+") || at_symbol("-")) {
    const Token op = next();
    left = make(ExprKind::binary, op.line, list_of(std::move(left), parse_concat()), op.text);
  }
  return left;
}

ExprPtr Parser::parse_concat() {
  const int line = current().line;
  std::vector<ExprPtr> parts = list_of(parse_product());
  while (accept_symbol("~")) parts.push_back(parse_product());
  if (parts.size() == 1) return std::move(parts[0]);
  return make(ExprKind::concat, line, std::move(parts));
}

ExprPtr Parser::parse_product() {
  ExprPtr left = parse_power();
  while (at_symbol("*") || at_symbol("/") || at_symbol("//") || at_symbol("%")) {
    const Token op = next();
    left = make(ExprKind::binary, op.line, list_of(std::move(left), parse_power()), op.text);
  }
  return left;
}

ExprPtr Parser::parse_power() {
  ExprPtr left = parse_unary();
  while (at_symbol("**")) {
    const Token op = next();
    left = make(ExprKind::binary, op.line, list_of(std::move(left), parse_unary()), op.text);
  }
  return left;
}

ExprPtr Parser::parse_unary(bool with_filter) {
  const Nesting nesting(*this);
  const int line = current().line;
  ExprPtr node;
  if (accept_symbol("-")) {
    node = make(ExprKind::negative, line, list_of(parse_unary(false)));
  } else if (accept_symbol("+")) {
    node = make(ExprKind::positive, line, list_of(parse_unary(false)));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filter ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

ExprPtr Parser::parse_primary() {
  const Token& token = current();
  const int line = token.line;
  auto constant = make(ExprKind::constant, line);
  if (token.kind == TokenKind::string) {
    std::string text;
    while (current().kind == TokenKind::string) text += next().text;
    constant->value = Value::string(std::move(text));
    return constant;
  }
  if (token.kind == TokenKind::integer || token.kind == TokenKind::real) return parse_number();
  if (at_symbol("(")) return parse_parentheses();
  if (at_symbol("[")) return parse_list();
  if (at_symbol("{")) return parse_dict();
  if (token.kind != TokenKind::name) fail_expected("an expression");
  const std::string name = next().text;
  if (name == "true" || name == "True" || name == "false" || name == "False") {
    constant->value = Value::boolean(name == "true" || name == "True");
    return constant;
  }
  if (name == "none" || name == "None") {
    constant->value = Value::none();
    return constant;
  }
  if (!macros_.empty()) {
    MacroUses& uses = macros_.back();
    uses.caller |= name == "caller";
    uses.kwargs |= name == "kwargs";
    uses.varargs |= name == "varargs";
  }
  return make(ExprKind::name, line, {}, name);
}

ExprPtr Parser::parse_number() {
  const Token token = next();
  auto node = make(ExprKind::constant, token.line);
  const std::string& text = token.text;
  if (token.kind == TokenKind::real) {
    double value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc()) fail_in_template(name_, token.line, fmt::format("{} is out of range", quoted(text)));
    node->value = Value::real(value);
    return node;
  }
  const bool prefixed = text.size() > 1 && (text[1] == 'x' || text[1] == 'X' || text[1] == 'o' || text[1] == 'O' ||
                                            text[1] == 'b' || text[1] == 'B');
  const int base = !prefixed ? 10 : ((text[1] | 0x20) == 'x' ? 16 : ((text[1] | 0x20) == 'o' ? 8 : 2));
  int64_t value = 0;
  const auto result = std::from_chars(text.data() + (prefixed ? 2 : 0), text.data() + text.size(), value, base);
  if (result.ec != std::errc()) {
    fail_in_template(name_, token.line, fmt::format("the integer {} is out of range", mica::quoted(text)));
  }
  node->value = Value::integer(value);
  return node;
}

ExprPtr Parser::parse_parentheses() {
  const int line = current().line;
  expect_symbol("(");
  if (accept_symbol(")")) return make(ExprKind::tuple, line);
  ExprPtr node = parse_tuple();
  expect_symbol(")");
  return node;
}

ExprPtr Parser::parse_list() {
  const int line = current().line;
  expect_symbol("[");
  std::vector<ExprPtr> items;
  while (!at_symbol("]")) {
    items.push_back(parse_expression());
    if (!accept_symbol(",")) break;
  }
  expect_symbol("]");
  return make(ExprKind::list, line, std::move(items));
}

ExprPtr Parser::parse_dict() {
  const int line = current().line;
  expect_symbol("{");
  std::vector<ExprPtr> items;
  while (!at_symbol("}")) {
    items.push_back(parse_expression());
    expect_symbol(":");
    items.push_back(parse_expression());
    if (!accept_symbol(",")) break;
  }
  expect_symbol("}");
  return make(ExprKind::dict, line, std::move(items));
}

ExprPtr Parser::parse_postfix(ExprPtr node) {
  while (true) {
    if (at_symbol(".") || at_symbol("[")) {
      node = parse_subscript(std::move(node));
    } else if (at_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExprPtr Parser::parse_filters_and_tests(ExprPtr node) {
  while (true) {
    if (at_symbol("|")) {
      node = parse_filter(std::move(node));
    } else if (at_name("is")) {
      node = parse_test(std::move(node));
    } else if (at_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExprPtr Parser::parse_subscript(ExprPtr node) {
  const int line = current().line;
  if (accept_symbol(".")) {
    if (current().kind == TokenKind::name)
      return make(ExprKind::attribute, line, list_of(std::move(node)), next().text);
    if (current().kind != TokenKind::integer) fail_expected("a name or number");
    return make(ExprKind::item, line, list_of(std::move(node), parse_number()));
  }
  expect_symbol("[");
  std::vector<ExprPtr> parts;
  while (!at_symbol("]")) {
    parts.push_back(parse_subscript_part());
    if (!accept_symbol(",")) break;
  }
  expect_symbol("]");
  ExprPtr index = parts.size() == 1 ? std::move(parts[0]) : make(ExprKind::tuple, line, std::move(parts));
  return make(ExprKind::item, line, list_of(std::move(node), std::move(index)));
}

ExprPtr Parser::parse_subscript_part() {
  const int line = current().line;
  std::vector<ExprPtr> parts(3);
  if (!at_symbol(":")) {
    parts[0] = parse_expression();
    if (!at_symbol(":")) return std::move(parts[0]);
  }
  for (size_t i = 1; i < 3 && accept_symbol(":"); ++i) {
    if (!at_symbol(":") && !at_symbol("]") && !at_symbol(",")) parts[i] = parse_expression();
  }
  return make(ExprKind::slice, line, std::move(parts));
}

CallArguments Parser::parse_arguments() {
  CallArguments out;
  expect_symbol("(");
  while (!at_symbol(")")) {
    if (accept_symbol("*")) {
      if (out.star || out.double_star) fail_here("invalid syntax for a call");
      out.star = parse_expression();
    } else if (accept_symbol("**")) {
      if (out.double_star) fail_here("invalid syntax for a call");
      out.double_star = parse_expression();
    } else if (current().kind == TokenKind::name && ahead().is_symbol("=")) {
      if (out.double_star) fail_here("invalid syntax for a call");
      std::string name = expect_name();
      next();
      out.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (out.star || out.double_star || !out.named.empty()) fail_here("invalid syntax for a call");
      out.positional.push_back(parse_expression());
    }
    if (!accept_symbol(",")) break;
  }
  expect_symbol(")");
  return out;
}

ExprPtr Parser::parse_call(ExprPtr node) {
  auto call = make(ExprKind::call, current().line);
  call->children = list_of(std::move(node));
  call->arguments = parse_arguments();
  return finished(std::move(call));
}

std::string Parser::parse_dotted_name() {
  std::string name = expect_name();
  while (accept_symbol(".")) name += "." + expect_name();
  return name;
}

ExprPtr Parser::parse_filter(ExprPtr node) {
  expect_symbol("|");
  auto filter = make(ExprKind::filter, current().line);
  filter->children = list_of(std::move(node));
  filter->name = parse_dotted_name();
  if (at_symbol("(")) filter->arguments = parse_arguments();
  return finished(std::move(filter));
}

ExprPtr Parser::parse_test(ExprPtr node) {
  const int line = current().line;
  next();
  const bool negated = accept_name("not");
  auto test = make(ExprKind::test, line);
  test->children = list_of(std::move(node));
  test->name = parse_dotted_name();
  const Token& token = current();
  const bool starts_argument = token.kind == TokenKind::string || token.kind == TokenKind::integer ||
                               token.kind == TokenKind::real || at_symbol("[") || at_symbol("{") ||
                               (token.kind == TokenKind::name && !at_name("else") && !at_name("or") && !at_name("and"));
  if (at_symbol("(")) {
    test->arguments = parse_arguments();
  } else if (starts_argument) {
    if (at_name("is")) fail_here("tests cannot be chained with is");
    test->arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExprPtr done = finished(std::move(test));
  return negated ? make(ExprKind::logical_not, line, list_of(std::move(done))) : std::move(done);
}

}  // namespace mica::jinja
