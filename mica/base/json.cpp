#include "mica/base/json.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/base/json_scanner.h"
#include "mica/base/utf8.h"

namespace mica {
namespace {

/// Deeper documents would overflow the stack in code that walks them, whatever limit a caller sets.
constexpr int kMaxDepth = 1000;

/// Builds a Json from text. nlohmann's own parser cannot read NaN and Infinity and takes quadratic time on objects with
/// many keys, such as vocabularies, when key order is kept.
class JsonParser {
 public:
  JsonParser(std::string_view text, std::string_view name, int max_depth)
      : scan_(text, name, "not valid JSON at byte"), name_(name), max_depth_(std::min(max_depth, kMaxDepth)) {}

  Json parse() {
    Json value = parse_value(0);
    scan_.expect_end();
    return value;
  }

 private:
  Json parse_value(int depth);
  Json parse_object(int depth);
  Json parse_array(int depth);
  Json parse_word();
  Json parse_number();

  JsonScanner scan_;
  std::string_view name_;
  int max_depth_;
};

Json JsonParser::parse_value(int depth) {
  const char c = scan_.peek();
  if (c == '"') return scan_.scan_string();
  if (c == '{' || c == '[') {
    if (depth == max_depth_) fail("{}: JSON nested deeper than {} levels at byte {}", name_, max_depth_, scan_.at());
    return c == '{' ? parse_object(depth + 1) : parse_array(depth + 1);
  }
  if ((c >= '0' && c <= '9') || c == '-') return parse_number();
  return parse_word();
}

Json JsonParser::parse_object(int depth) {
  Json out = Json::object();
  auto& members = out.get_ref<Json::object_t&>();
  // Key → position. Keys are copied: the members move when their vector grows.
  std::unordered_map<std::string, size_t> index;
  scan_.expect('{');
  if (scan_.accept('}')) return out;
  do {
    std::string key = scan_.scan_string();
    scan_.expect(':');
    Json value = parse_value(depth);
    const auto [known, is_new] = index.emplace(key, members.size());
    if (is_new) {
      // Not emplace(), which would search for the key.
      members.push_back({std::move(key), std::move(value)});
    } else {
      std::next(members.begin(), static_cast<std::ptrdiff_t>(known->second))->second = std::move(value);
    }
  } while (scan_.accept(','));
  scan_.expect('}');
  return out;
}

Json JsonParser::parse_array(int depth) {
  Json out = Json::array();
  scan_.expect('[');
  if (scan_.accept(']')) return out;
  do {
    out.push_back(parse_value(depth));
  } while (scan_.accept(','));
  scan_.expect(']');
  return out;
}

Json JsonParser::parse_word() {
  const auto accept = [&](std::string_view word) {
    if (!scan_.rest().starts_with(word)) return false;
    scan_.advance(word.size());
    return true;
  };
  if (accept("true")) return true;
  if (accept("false")) return false;
  if (accept("null")) return nullptr;
  if (accept("NaN")) return std::numeric_limits<double>::quiet_NaN();
  if (accept("Infinity")) return std::numeric_limits<double>::infinity();
  if (scan_.rest().empty()) scan_.fail_at(scan_.at(), "the text ends where a value should follow");
  scan_.fail_at(scan_.at(), "{} where a value should follow", quoted(scan_.rest().substr(0, 1)));
}

/// Bytes of the JSON number at the start of `text`, 0 when there is none.
size_t number_length(std::string_view text, bool& is_integer) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t start = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - start;
  };
  const auto next = [&] { return at < text.size() ? text[at] : '\0'; };
  if (next() == '-') ++at;
  const bool leading_zero = next() == '0';
  const size_t whole = digits();
  if (whole == 0 || (leading_zero && whole > 1)) return 0;
  is_integer = true;
  if (next() == '.') {
    ++at;
    is_integer = false;
    if (digits() == 0) return 0;
  }
  if (next() == 'e' || next() == 'E') {
    ++at;
    is_integer = false;
    if (next() == '+' || next() == '-') ++at;
    if (digits() == 0) return 0;
  }
  return at;
}

Json JsonParser::parse_number() {
  if (scan_.rest().starts_with("-Infinity")) {
    scan_.advance(9);
    return -std::numeric_limits<double>::infinity();
  }
  bool is_integer = false;
  const size_t length = number_length(scan_.rest(), is_integer);
  if (length == 0) scan_.fail_at(scan_.at(), "a malformed number");
  const std::string text(scan_.rest().substr(0, length));
  scan_.advance(length);
  const auto read = [&](auto& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  };
  int64_t small = 0;
  if (is_integer && read(small)) return small;
  uint64_t large = 0;
  if (is_integer && read(large)) return large;
  double number = 0;
  if (read(number)) return number;
  // Out of a double's range: infinity or zero, as in Python. from_chars does not tell which.
  return std::strtod(text.c_str(), nullptr);
}

}  // namespace

Json parse_json(std::string_view text, std::string_view name, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    fail("{}: {} bytes of JSON, more than the {} allowed", name, text.size(), limits.max_bytes);
  }
  if (!is_utf8(text)) {
    size_t valid = 0;
    while (valid < text.size() && is_utf8(text.substr(valid, utf8_length(text[valid]))))
      valid += utf8_length(text[valid]);
    fail("{}: not valid JSON at byte {}: not UTF-8", name, valid);
  }
  return JsonParser(text, name, limits.max_depth).parse();
}

Json load_json(const std::filesystem::path& path, const JsonLimits& limits) {
  return parse_json(read_file(path, limits.max_bytes), path.string(), limits);
}

}  // namespace mica
