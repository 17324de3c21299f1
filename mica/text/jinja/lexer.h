#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mica::jinja {

enum class TokenKind {
  data,            ///< text between tags
  block_begin,     ///< {%
  block_end,       ///< %}
  variable_begin,  ///< {{
  variable_end,    ///< }}
  name,
  string,   ///< quotes and escapes resolved
  integer,  ///< digits, underscores removed
  real,     ///< the same
  symbol,   ///< an operator or punctuation
  end,
};

/// A piece of a template.
struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;
  int line = 1;

  bool is_name(std::string_view name) const { return kind == TokenKind::name && text == name; }
  bool is_symbol(std::string_view symbol) const { return kind == TokenKind::symbol && text == symbol; }
};

/// An Error of a template's text: "<name>: line <line>: <what>".
[[noreturn]] void fail_in_template(std::string_view name, int line, std::string_view what);

/// Cuts a template into tokens as Jinja2 does with trim_blocks and lstrip_blocks on: white space control is resolved,
/// comments and raw blocks are gone. Throws Error for what Jinja2's lexer refuses.
std::vector<Token> tokenize(std::string_view source, std::string_view name);

}  // namespace mica::jinja
