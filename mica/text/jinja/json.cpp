#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mica/base/utf8.h"
#include "mica/text/jinja/print.h"

namespace mica::jinja {
namespace {

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style) : style_(style) {}

  void write(const Value& value, int level);
  Text take() { return std::move(out_); }

 private:
  void write_string(const Text& text);
  void write_items(const std::vector<Value>& items, int level);
  void write_dict(const Dict& dict, int level);
  void write_key(const Value& key);
  void new_line(int level);

  const JsonStyle& style_;
  Text out_;
};

std::string json_real(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return real_repr(value);
}

std::string json_escape(char32_t c, bool ensure_ascii) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    default:
      break;
  }
  const auto code = static_cast<uint32_t>(c);
  if (code < 0x20) return fmt::format("\\u{:04x}", code);
  if (!ensure_ascii || code < 0x7f) return "";
  if (code < 0x10000) return fmt::format("\\u{:04x}", code);
  return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
}

void JsonWriter::write_string(const Text& text) {
  out_.append("\"");
  const std::string& bytes = text.bytes();
  size_t plain = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t start = at;
    const std::string shown = json_escape(next_code_point(bytes, at), style_.ensure_ascii);
    if (shown.empty()) continue;
    out_.append(text, plain, start);
    out_.append_like(text, start, shown);
    plain = at;
  }
  out_.append(text, plain, bytes.size());
  out_.append("\"");
}

void JsonWriter::new_line(int level) {
  if (!style_.indent) return;
  out_.append("\n");
  for (int i = 0; i < level; ++i) out_.append(*style_.indent);
}

void JsonWriter::write_items(const std::vector<Value>& items, int level) {
  if (items.empty()) return out_.append("[]");
  out_.append("[");
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out_.append(style_.item_separator);
    new_line(level + 1);
    write(items[i], level + 1);
  }
  new_line(level);
  out_.append("]");
}

void JsonWriter::write_key(const Value& key) {
  switch (key.kind()) {
    case Kind::string:
      return write_string(key.text());
    case Kind::none:
      return out_.append("\"null\"");
    case Kind::boolean:
      return out_.append(key.as_integer() ? "\"true\"" : "\"false\"");
    case Kind::integer:
      return out_.append(fmt::format("\"{}\"", key.as_integer()));
    case Kind::real:
      return out_.append(fmt::format("\"{}\"", json_real(key.as_real())));
    default:
      throw Failure(fmt::format("keys must be str, int, float, bool or None, not {}", type_name(key)));
  }
}

void JsonWriter::write_dict(const Dict& dict, int level) {
  if (dict.size() == 0) return out_.append("{}");
  std::vector<const Dict::Entry*> entries;
  for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
  if (style_.sort_keys) {
    std::ranges::stable_sort(entries, [](const auto* a, const auto* b) { return compare(a->first, b->first) < 0; });
  }
  out_.append("{");
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out_.append(style_.item_separator);
    new_line(level + 1);
    write_key(entries[i]->first);
    out_.append(style_.key_separator);
    write(entries[i]->second, level + 1);
  }
  new_line(level);
  out_.append("}");
}

void JsonWriter::write(const Value& value, int level) {
  switch (value.kind()) {
    case Kind::none:
      return out_.append("null");
    case Kind::boolean:
      return out_.append(value.as_integer() ? "true" : "false");
    case Kind::integer:
      return out_.append(std::to_string(value.as_integer()));
    case Kind::real:
      return out_.append(json_real(value.as_real()));
    case Kind::string:
      return write_string(value.text());
    case Kind::dict:
      return write_dict(value.dict(), level);
    case Kind::sequence:
      if (value.sequence().kind <= SequenceKind::tuple) return write_items(value.sequence().items, level);
      break;
    default:
      break;
  }
  throw Failure(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
}

}  // namespace

Text to_json(const Value& value, const JsonStyle& style) {
  JsonWriter writer(style);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace mica::jinja
