#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mica/text/jinja/ast.h"
#include "mica/text/jinja/lexer.h"

namespace mica::jinja {

/// Turns a template's tokens into a tree, by Jinja2's grammar. Not supported, because chat templates have no use for
/// it: include, import, extends, block, autoescape and trans.
class Parser {
 public:
  Parser(std::string_view source, std::string_view name) : name_(name), tokens_(tokenize(source, name)) {}

  /// The whole template. Throws Error naming template and line.
  Body parse();

 private:
  // Statements (parser_statements.cpp).
  Body parse_body(std::initializer_list<std::string_view> end_tags);
  Stmt parse_statement();
  Stmt parse_output();
  Stmt parse_if();
  Stmt parse_for();
  Stmt parse_set();
  Stmt parse_macro();
  Stmt parse_call_block();
  Stmt parse_filter_block();
  Stmt parse_with();
  Stmt parse_generation();
  Stmt parse_loop_control(StmtKind kind);
  void parse_parameters(Stmt& macro);
  /// A body whose reads of caller, kwargs and varargs are recorded in `macro`.
  void parse_macro_body(Stmt& macro, std::string_view end_tag);
  /// A target list: names, "namespace.attribute" where allowed, commas and parentheses.
  Target parse_target(bool with_namespace);
  Target parse_target_part(bool with_namespace);
  void end_block();

  // Expressions (parser.cpp), lowest precedence first.
  ExprPtr parse_expression(bool with_conditional = true);
  ExprPtr parse_tuple(bool with_conditional = true);
  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_comparison();
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filter = true);
  ExprPtr parse_primary();
  ExprPtr parse_number();
  ExprPtr parse_parentheses();
  ExprPtr parse_list();
  ExprPtr parse_dict();
  ExprPtr parse_postfix(ExprPtr node);
  ExprPtr parse_filters_and_tests(ExprPtr node);
  ExprPtr parse_subscript(ExprPtr node);
  ExprPtr parse_subscript_part();
  ExprPtr parse_call(ExprPtr node);
  ExprPtr parse_filter(ExprPtr node);
  ExprPtr parse_test(ExprPtr node);
  CallArguments parse_arguments();
  std::string parse_dotted_name();

  ExprPtr make(ExprKind kind, int line) const;
  ExprPtr make(ExprKind kind, int line, std::vector<ExprPtr> children, std::string name = "") const;
  /// Sets a node's depth and refuses trees too deep to walk.
  ExprPtr finished(ExprPtr node) const;

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool at_symbol(std::string_view symbol) const { return current().is_symbol(symbol); }
  bool at_name(std::string_view name) const { return current().is_name(name); }
  bool accept_symbol(std::string_view symbol);
  bool accept_name(std::string_view name);
  void expect_symbol(std::string_view symbol);
  std::string expect_name();
  [[noreturn]] void fail_here(std::string_view what) const;
  [[noreturn]] void fail_expected(std::string_view what) const;

  /// Counts nesting while alive; refuses more than kMaxNesting.
  class Nesting;
  int nesting_ = 0;
  /// For loops around the statement being parsed, inside the innermost macro.
  int loops_ = 0;

  std::string name_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  /// Macros being parsed, innermost last.
  std::vector<MacroUses> macros_;
};

}  // namespace mica::jinja
