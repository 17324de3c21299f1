#include "mica/text/jinja/print.h"

#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/characters.h"

namespace mica::jinja {
namespace {

void append_repr(Text& out, const Value& value);

std::string escaped(char32_t c) {
  const auto code = static_cast<uint32_t>(c);
  if (code < 0x100) return fmt::format("\\x{:02x}", code);
  return code < 0x10000 ? fmt::format("\\u{:04x}", code) : fmt::format("\\U{:08x}", code);
}

void append_string_repr(Text& out, const Text& text) {
  const std::string& bytes = text.bytes();
  const bool double_quotes = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos;
  const char quote = double_quotes ? '"' : '\'';
  out.append(std::string_view(&quote, 1));
  size_t plain = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t start = at;
    const char32_t c = next_code_point(bytes, at);
    const bool special = c == static_cast<char32_t>(quote) || c == '\\';
    if (!special && is_printable(c)) continue;
    out.append(text, plain, start);
    plain = at;
    const std::string shown = special     ? std::string("\\") + static_cast<char>(c)
                              : c == '\n' ? "\\n"
                              : c == '\r' ? "\\r"
                              : c == '\t' ? "\\t"
                                          : escaped(c);
    out.append_like(text, start, shown);
  }
  out.append(text, plain, bytes.size());
  out.append(std::string_view(&quote, 1));
}

void append_items(Text& out, const std::vector<Value>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr(out, items[i]);
  }
}

void append_sequence(Text& out, const Sequence& sequence) {
  switch (sequence.kind) {
    case SequenceKind::range:
      out.append(sequence.shown_as);
      return;
    case SequenceKind::view:
      out.append(sequence.shown_as + "(");
      break;
    default:
      break;
  }
  const bool tuple = sequence.kind == SequenceKind::tuple;
  out.append(tuple ? "(" : "[");
  append_items(out, sequence.items);
  if (tuple) out.append(sequence.items.size() == 1 ? ",)" : ")");
  if (!tuple) out.append("]");
  if (sequence.kind == SequenceKind::view) out.append(")");
}

void append_dict(Text& out, const Dict& dict) {
  out.append("{");
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) out.append(", ");
    first = false;
    append_repr(out, key);
    out.append(": ");
    append_repr(out, value);
  }
  out.append("}");
}

void append_repr(Text& out, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return out.append("Undefined");
    case Kind::none:
      return out.append("None");
    case Kind::boolean:
      return out.append(value.as_integer() ? "True" : "False");
    case Kind::integer:
      return out.append(std::to_string(value.as_integer()));
    case Kind::real:
      return out.append(real_repr(value.as_real()));
    case Kind::string:
      return append_string_repr(out, value.text());
    case Kind::sequence:
      return append_sequence(out, value.sequence());
    case Kind::dict:
      return append_dict(out, value.dict());
    case Kind::object:
      return out.append(fmt::format("<{}>", value.object().type_name()));
  }
}

}  // namespace

std::string real_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::scientific);
  const std::string text(buffer.begin(), written.ptr);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) {
    return fmt::format("{}e{}{:02}", text.substr(0, e), exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  const auto fixed = std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::fixed);
  std::string out(buffer.begin(), fixed.ptr);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

Text to_text(const Value& value) {
  if (value.is(Kind::string)) return value.text();
  Text out;
  if (!value.is(Kind::undefined)) append_repr(out, value);
  return out;
}

Text repr(const Value& value) {
  Text out;
  append_repr(out, value);
  return out;
}

}  // namespace mica::jinja
