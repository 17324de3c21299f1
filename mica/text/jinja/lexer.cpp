#include "mica/text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/jinja/characters.h"

namespace mica::jinja {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80);
}
bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}

/// "\r\n" and "\r" become "\n"; one newline at the end goes.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  Lexer(std::string source, std::string_view name) : source_(std::move(source)), name_(name) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) lex_data();
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  void lex_data();
  void lex_comment();
  /// Whether a raw block starts at the `{%` under the cursor; reads it if so.
  bool lex_raw(std::string_view text, size_t tag_start, char sign);
  void lex_expression(std::string_view close);
  void lex_token();
  void lex_string();
  void lex_number();
  std::string unescaped(std::string_view body) const;

  /// Reads "%}" or "#}" with its white space control: "-" eats the space after it, a plain end one newline.
  bool accept_end(std::string_view close, bool trims_newline);
  void add_data(std::string_view text, char sign, bool may_strip);
  void skip_whitespace();
  void move_to(size_t at) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    at_ = at;
  }
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  [[noreturn]] void fail_here(std::string_view what) const { fail_in_template(name_, line_, what); }

  std::string source_;
  std::string_view name_;
  size_t at_ = 0;
  int line_ = 1;
  /// Whether the text before the cursor ends a line: then white space up to a tag is the tag's indentation.
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

void Lexer::skip_whitespace() {
  move_to(at_ + leading_space(rest()));
}

void Lexer::add_data(std::string_view text, char sign, bool may_strip) {
  if (sign == '-') {
    text = text.substr(0, text.size() - trailing_space(text));
  } else if (sign != '+' && may_strip) {
    const size_t line_start = text.rfind('\n') + 1;
    if ((line_start > 0 || line_starting_) && leading_space(text.substr(line_start)) == text.size() - line_start) {
      text = text.substr(0, line_start);
    }
  }
  if (!text.empty()) add(TokenKind::data, std::string(text));
}

/// Text up to the next tag, and the tag.
void Lexer::lex_data() {
  size_t tag = at_;
  while (true) {
    tag = source_.find('{', tag);
    if (tag == std::string::npos || tag + 1 >= source_.size()) {
      add_data(rest(), '+', false);
      move_to(source_.size());
      return;
    }
    const char c = source_[tag + 1];
    if (c == '{' || c == '%' || c == '#') break;
    ++tag;
  }
  const std::string_view text = rest().substr(0, tag - at_);
  const char kind = source_[tag + 1];
  const char next = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
  const char sign = next == '-' || next == '+' ? next : '\0';
  if (kind == '%' && lex_raw(text, tag, sign)) return;
  add_data(text, sign, kind != '{');
  move_to(tag + (sign ? 3 : 2));
  if (kind == '#') return lex_comment();
  add(kind == '%' ? TokenKind::block_begin : TokenKind::variable_begin, "");
  lex_expression(kind == '%' ? "%}" : "}}");
  line_starting_ = at_ > 0 && source_[at_ - 1] == '\n';
}

bool Lexer::accept_end(std::string_view close, bool trims_newline) {
  const char sign = rest().empty() ? '\0' : rest()[0];
  const bool signed_end = sign == '-' || (sign == '+' && close != "}}");
  if (!rest().substr(signed_end ? 1 : 0).starts_with(close)) return false;
  move_to(at_ + close.size() + (signed_end ? 1 : 0));
  if (sign == '-' && signed_end) {
    skip_whitespace();
  } else if (!signed_end && trims_newline && rest().starts_with('\n')) {
    move_to(at_ + 1);
  }
  return true;
}

void Lexer::lex_comment() {
  if (at_ == source_.size()) return;
  // The first end counts, and a sign before it belongs to it.
  const size_t end = source_.find("#}", at_);
  if (end == std::string::npos) fail_here("a comment without its end '#}'");
  const bool has_sign = end > at_ && (source_[end - 1] == '-' || source_[end - 1] == '+');
  move_to(end - (has_sign ? 1 : 0));
  accept_end("#}", true);
  line_starting_ = source_[at_ - 1] == '\n';
}

bool Lexer::lex_raw(std::string_view text, size_t tag_start, char sign) {
  const auto word_at = [&](size_t at, std::string_view word) -> size_t {
    at += leading_space(std::string_view(source_).substr(at));
    if (!std::string_view(source_).substr(at).starts_with(word)) return 0;
    at += word.size();
    return at + leading_space(std::string_view(source_).substr(at));
  };
  size_t at = word_at(tag_start + (sign ? 3 : 2), "raw");
  const std::string_view after = at ? std::string_view(source_).substr(at) : "";
  if (!after.starts_with("%}") && !after.starts_with("-%}")) return false;
  add_data(text, sign, true);
  move_to(at);
  accept_end("%}", false);
  // The end: {% endraw %}, with signs of its own.
  for (size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 1)) {
    const char next = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    const char end_sign = next == '-' || next == '+' ? next : '\0';
    at = word_at(tag + (end_sign ? 3 : 2), "endraw");
    if (!at) continue;
    const std::string_view close = std::string_view(source_).substr(at);
    if (!close.starts_with("%}") && !close.starts_with("-%}") && !close.starts_with("+%}")) continue;
    line_starting_ = source_[at_ - 1] == '\n';
    add_data(rest().substr(0, tag - at_), end_sign, true);
    move_to(at);
    accept_end("%}", true);
    line_starting_ = source_[at_ - 1] == '\n';
    return true;
  }
  fail_here("a raw block without its {% endraw %}");
}

void Lexer::lex_expression(std::string_view close) {
  std::string open_brackets;
  const int start_line = line_;
  while (true) {
    if (open_brackets.empty()) {
      const TokenKind kind = close == "%}" ? TokenKind::block_end : TokenKind::variable_end;
      const int line = line_;
      if (accept_end(close, close == "%}")) {
        tokens_.push_back({kind, "", line});
        return;
      }
    }
    if (at_ == source_.size()) fail_in_template(name_, start_line, "a tag that is not closed");
    if (leading_space(rest()) > 0) {
      skip_whitespace();
      continue;
    }
    lex_token();
    if (tokens_.back().kind != TokenKind::symbol) continue;
    const char c = tokens_.back().text[0];
    if (c == '(' || c == '[' || c == '{') {
      open_brackets += c == '(' ? ')' : (c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      if (open_brackets.empty() || open_brackets.back() != c) fail_here(fmt::format("unexpected '{}'", c));
      open_brackets.pop_back();
    }
  }
}

void Lexer::lex_token() {
  static constexpr std::array<std::string_view, 27> kSymbols = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                                "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                                ">",  "<",  "=",  ".",  ":",  "|",  ",", ";", "!"};
  const char c = source_[at_];
  if (is_digit(c)) return lex_number();
  if (c == '"' || c == '\'') return lex_string();
  if (is_name_start(c)) {
    size_t end = at_;
    while (end < source_.size() && is_name_part(source_[end])) ++end;
    add(TokenKind::name, source_.substr(at_, end - at_));
    return move_to(end);
  }
  for (const std::string_view symbol : kSymbols) {
    if (!rest().starts_with(symbol) || symbol == "!") continue;
    add(TokenKind::symbol, std::string(symbol));
    return move_to(at_ + symbol.size());
  }
  fail_here(fmt::format("unexpected character {}", quoted(rest().substr(0, 1))));
}

void Lexer::lex_number() {
  const auto digits = [&](size_t at, auto is_part) {
    while (at < source_.size() &&
           (is_part(source_[at]) || (source_[at] == '_' && at + 1 < source_.size() && is_part(source_[at + 1]))))
      ++at;
    return at;
  };
  const auto add_number = [&](TokenKind kind, size_t end) {
    std::string text = source_.substr(at_, end - at_);
    std::erase(text, '_');
    add(kind, std::move(text));
    move_to(end);
  };
  const char next = at_ + 1 < source_.size() ? static_cast<char>(std::tolower(source_[at_ + 1])) : '\0';
  if (source_[at_] == '0' && (next == 'x' || next == 'o' || next == 'b')) {
    const auto is_part = [&](char c) {
      return next == 'x' ? std::isxdigit(static_cast<unsigned char>(c)) != 0
                         : c >= '0' && c <= (next == 'o' ? '7' : '1');
    };
    const size_t end = digits(at_ + 2, is_part);
    if (end > at_ + 2) return add_number(TokenKind::integer, end);
  }
  // A number after a dot is an index (x.0.1), never a fraction.
  const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
  size_t end = digits(at_, is_digit);
  bool real = false;
  if (!after_dot) {
    if (end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
      end = digits(end + 1, is_digit);
      real = true;
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) ++exponent;
      if (exponent < source_.size() && is_digit(source_[exponent])) {
        end = digits(exponent, is_digit);
        real = true;
      }
    }
  }
  if (!real && source_[at_] == '0') {
    // "0", "00" are integers, "01" is a zero and a one.
    end = digits(at_, [](char c) { return c == '0'; });
  }
  add_number(real ? TokenKind::real : TokenKind::integer, end);
}

void Lexer::lex_string() {
  const char quote = source_[at_];
  size_t end = at_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size()) fail_here("a string that is not closed");
  add(TokenKind::string, unescaped(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
  move_to(end + 1);
}

/// Python's escapes. Unknown ones stay as they are.
std::string Lexer::unescaped(std::string_view body) const {
  static constexpr std::string_view kEscapes = "\\'\"abfnrtv";
  static constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\' || i + 1 == body.size()) {
      out += body[i];
      continue;
    }
    const char c = body[++i];
    const auto number = [&](size_t begin, size_t count, int base) {
      const std::string digits(body.substr(begin, count));
      size_t used = 0;
      const bool ok =
          digits.size() == count && std::ranges::all_of(digits, [](unsigned char d) { return std::isxdigit(d); });
      const unsigned long code = ok ? std::stoul(digits, &used, base) : 0;
      if (!ok || used != count || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        fail_here("a malformed escape in a string");
      append_utf8(out, static_cast<char32_t>(code));
      i = begin + count - 1;
    };
    if (const size_t found = kEscapes.find(c); found != std::string_view::npos) {
      out += kMeanings[found];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      number(i + 1, c == 'x' ? 2 : (c == 'u' ? 4 : 8), 16);
    } else if (c >= '0' && c <= '7') {
      size_t count = 1;
      while (count < 3 && i + count < body.size() && body[i + count] >= '0' && body[i + count] <= '7') ++count;
      number(i, count, 8);
    } else if (c == 'N') {
      fail_here("\\N escapes are not supported");
    } else if (c != '\n') {
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace

void fail_in_template(std::string_view name, int line, std::string_view what) {
  fail("{}: line {}: {}", name, line, what);
}

std::vector<Token> tokenize(std::string_view source, std::string_view name) {
  if (!is_utf8(source)) fail("{}: the template is not UTF-8", name);
  return Lexer(normalized(source), name).run();
}

}  // namespace mica::jinja
