#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "mica/base/error.h"
#include "mica/text/jinja/nesting.h"
#include "mica/text/jinja/parser.h"

namespace mica::jinja {

Body Parser::parse() {
  Body body = parse_body({});
  if (current().kind == TokenKind::block_begin) {
    next();
    fail_here(fmt::format("unexpected tag {}", mica::quoted(current().text)));
  }
  return body;
}

/// Statements up to a tag of `end_tags`, whose name becomes the current token; with none, up to the template's end.
Body Parser::parse_body(std::initializer_list<std::string_view> end_tags) {
  const Nesting nesting(*this);
  const int line = current().line;
  Body body;
  while (current().kind != TokenKind::end) {
    if (current().kind == TokenKind::data) {
      Stmt text;
      text.line = current().line;
      text.text = next().text;
      body.push_back(std::move(text));
    } else if (current().kind == TokenKind::variable_begin) {
      body.push_back(parse_output());
    } else {
      const bool ends = ahead().kind == TokenKind::name && std::ranges::find(end_tags, ahead().text) != end_tags.end();
      next();
      if (ends) return body;
      body.push_back(parse_statement());
      end_block();
    }
  }
  if (end_tags.size() > 0) {
    fail_in_template(name_, line, fmt::format("the template ends before '{}'", *(end_tags.end() - 1)));
  }
  return body;
}

void Parser::end_block() {
  if (current().kind != TokenKind::block_end) fail_expected("'%}'");
  next();
}

Stmt Parser::parse_output() {
  Stmt out;
  out.kind = StmtKind::output;
  out.line = next().line;
  out.exprs.push_back(parse_tuple());
  if (current().kind != TokenKind::variable_end) fail_expected("'}}'");
  next();
  return out;
}

Stmt Parser::parse_statement() {
  const int line = current().line;
  if (current().kind != TokenKind::name) fail_expected("a tag name");
  const std::string tag = next().text;
  Stmt out = [&] {
    if (tag == "if") return parse_if();
    if (tag == "for") return parse_for();
    if (tag == "set") return parse_set();
    if (tag == "macro") return parse_macro();
    if (tag == "call") return parse_call_block();
    if (tag == "filter") return parse_filter_block();
    if (tag == "with") return parse_with();
    if (tag == "generation") return parse_generation();
    if (tag == "break") return parse_loop_control(StmtKind::break_);
    if (tag == "continue") return parse_loop_control(StmtKind::continue_);
    static constexpr std::array<std::string_view, 8> kOther = {"include", "import",     "from",  "extends",
                                                               "block",   "autoescape", "trans", "do"};
    if (std::ranges::find(kOther, tag) != kOther.end()) {
      fail_in_template(name_, line, fmt::format("the tag '{}' is not allowed in chat templates", tag));
    }
    fail_in_template(name_, line, fmt::format("unknown tag {}", mica::quoted(tag)));
  }();
  out.line = line;
  return out;
}

Stmt Parser::parse_if() {
  Stmt out;
  out.kind = StmtKind::if_;
  while (true) {
    out.exprs.push_back(parse_tuple(false));
    end_block();
    out.bodies.push_back(parse_body({"elif", "else", "endif"}));
    const std::string tag = next().text;
    if (tag == "endif") return out;
    if (tag == "elif") continue;
    end_block();
    out.bodies.push_back(parse_body({"endif"}));
    next();
    return out;
  }
}

Stmt Parser::parse_for() {
  Stmt out;
  out.kind = StmtKind::for_;
  out.targets.push_back(parse_target(false));
  if (!accept_name("in")) fail_expected("'in'");
  out.exprs.push_back(parse_tuple(false));
  out.exprs.push_back(accept_name("if") ? parse_expression() : nullptr);
  out.recursive = accept_name("recursive");
  end_block();
  ++loops_;
  out.bodies.push_back(parse_body({"else", "endfor"}));
  --loops_;
  if (next().text == "else") {
    end_block();
    out.bodies.push_back(parse_body({"endfor"}));
    next();
  }
  return out;
}

Target Parser::parse_target_part(bool with_namespace) {
  Target out;
  if (accept_symbol("(")) {
    out = parse_target(with_namespace);
    expect_symbol(")");
    return out;
  }
  out.name = expect_name();
  if (with_namespace && accept_symbol(".")) out.attribute = expect_name();
  static constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none", "True", "False", "None"};
  if (std::ranges::find(kConstants, out.name) != kConstants.end())
    fail_here(fmt::format("cannot assign to '{}'", out.name));
  return out;
}

Target Parser::parse_target(bool with_namespace) {
  const Nesting nesting(*this);
  Target first = parse_target_part(with_namespace);
  if (!at_symbol(",")) return first;
  Target out;
  out.is_tuple = true;
  out.parts.push_back(std::move(first));
  while (accept_symbol(",") && (current().kind == TokenKind::name || at_symbol("("))) {
    if (at_name("in")) break;
    out.parts.push_back(parse_target_part(with_namespace));
  }
  return out;
}

Stmt Parser::parse_set() {
  Stmt out;
  out.targets.push_back(parse_target(true));
  if (accept_symbol("=")) {
    out.kind = StmtKind::set;
    out.exprs.push_back(parse_tuple());
    return out;
  }
  out.kind = StmtKind::set_block;
  ExprPtr filter;
  while (at_symbol("|")) filter = parse_filter(std::move(filter));
  out.exprs.push_back(std::move(filter));
  end_block();
  out.bodies.push_back(parse_body({"endset"}));
  next();
  return out;
}

void Parser::parse_parameters(Stmt& macro) {
  expect_symbol("(");
  bool has_default = false;
  while (!at_symbol(")")) {
    macro.parameters.push_back(expect_name());
    if (accept_symbol("=")) {
      has_default = true;
      macro.exprs.push_back(parse_expression());
    } else {
      if (has_default) fail_here("a parameter without a default follows one with a default");
      macro.exprs.push_back(nullptr);
    }
    if (!accept_symbol(",")) break;
  }
  expect_symbol(")");
}

void Parser::parse_macro_body(Stmt& macro, std::string_view end_tag) {
  end_block();
  macros_.emplace_back();
  const int outer_loops = std::exchange(loops_, 0);
  macro.bodies.push_back(parse_body({end_tag}));
  loops_ = outer_loops;
  next();
  macro.uses = macros_.back();
  macros_.pop_back();
}

Stmt Parser::parse_macro() {
  Stmt out;
  out.kind = StmtKind::macro;
  out.name = expect_name();
  parse_parameters(out);
  parse_macro_body(out, "endmacro");
  return out;
}

Stmt Parser::parse_call_block() {
  Stmt out;
  out.kind = StmtKind::call_block;
  if (at_symbol("(")) parse_parameters(out);
  ExprPtr call = parse_expression();
  if (call->kind != ExprKind::call) fail_here("expected a call");
  out.exprs.insert(out.exprs.begin(), std::move(call));
  parse_macro_body(out, "endcall");
  return out;
}

Stmt Parser::parse_filter_block() {
  Stmt out;
  out.kind = StmtKind::filter_block;
  auto first = make(ExprKind::filter, current().line);
  first->children.emplace_back();
  first->name = parse_dotted_name();
  if (at_symbol("(")) first->arguments = parse_arguments();
  ExprPtr filter = finished(std::move(first));
  while (at_symbol("|")) filter = parse_filter(std::move(filter));
  out.exprs.push_back(std::move(filter));
  end_block();
  out.bodies.push_back(parse_body({"endfilter"}));
  next();
  return out;
}

Stmt Parser::parse_with() {
  Stmt out;
  out.kind = StmtKind::with;
  while (current().kind != TokenKind::block_end) {
    if (!out.targets.empty()) expect_symbol(",");
    out.targets.push_back(parse_target_part(false));
    expect_symbol("=");
    out.exprs.push_back(parse_expression());
  }
  end_block();
  out.bodies.push_back(parse_body({"endwith"}));
  next();
  return out;
}

Stmt Parser::parse_generation() {
  Stmt out;
  out.kind = StmtKind::generation;
  parse_macro_body(out, "endgeneration");
  return out;
}

Stmt Parser::parse_loop_control(StmtKind kind) {
  if (loops_ == 0) fail_here("break or continue outside of a loop");
  Stmt out;
  out.kind = kind;
  return out;
}

}  // namespace mica::jinja
