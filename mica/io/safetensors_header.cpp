#include "mica/io/safetensors_header.h"

#include <charconv>
#include <unordered_set>

#include <fmt/core.h>

#include "mica/base/error.h"
#include "mica/base/utf8.h"

namespace mica {
namespace {

constexpr size_t kHeaderStart = 8;
constexpr size_t kMaxRank = 64;

/// Reads the few JSON forms that a safetensors header has. A general parser would build a tree of a 100 MB document
/// and accept what the format does not.
class HeaderScanner {
 public:
  HeaderScanner(std::string_view json, std::string_view name) : json_(json), name_(name) {}

  SafetensorsHeader scan();

 private:
  SafetensorsHeaderEntry scan_entry(std::string name);
  void scan_metadata(SafetensorsMetadata& out);
  void check_size(const SafetensorsHeaderEntry& entry, size_t start) const;

  /// Calls `member(key)` for each member of an object; member reads the value.
  template <typename F>
  void scan_object(F member);
  /// Calls `element()` for each element of an array.
  template <typename F>
  void scan_array(F element);
  std::string scan_string();
  void scan_escape(std::string& out);
  uint32_t scan_hex4();
  /// A number ≥ 0 without fraction or exponent: `what` of the tensor.
  int64_t scan_integer(std::string_view what, std::string_view tensor);

  void skip_space();
  /// Whether the next character is `c`; reads it if so.
  bool accept(char c);
  void expect(char c);
  template <typename... Args>
  [[noreturn]] void fail_at(size_t at, fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: offset {}: {}", name_, kHeaderStart + at, fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view json_;
  std::string_view name_;
  size_t at_ = 0;
};

void HeaderScanner::skip_space() {
  while (at_ < json_.size() && std::string_view(" \t\r\n").find(json_[at_]) != std::string_view::npos) ++at_;
}

bool HeaderScanner::accept(char c) {
  skip_space();
  if (at_ >= json_.size() || json_[at_] != c) return false;
  ++at_;
  return true;
}

void HeaderScanner::expect(char c) {
  if (accept(c)) return;
  if (at_ >= json_.size()) fail_at(at_, "the header ends where '{}' should follow", c);
  fail_at(at_, "the header has {} where '{}' should follow", quoted(json_.substr(at_, 1)), c);
}

template <typename F>
void HeaderScanner::scan_object(F member) {
  expect('{');
  if (accept('}')) return;
  do {
    const std::string key = scan_string();
    expect(':');
    member(key);
  } while (accept(','));
  expect('}');
}

template <typename F>
void HeaderScanner::scan_array(F element) {
  expect('[');
  if (accept(']')) return;
  do {
    element();
  } while (accept(','));
  expect(']');
}

std::string HeaderScanner::scan_string() {
  expect('"');
  std::string out;
  while (true) {
    const size_t start = at_;
    while (at_ < json_.size() && json_[at_] != '"' && json_[at_] != '\\' &&
           static_cast<unsigned char>(json_[at_]) >= 0x20) {
      ++at_;
    }
    out.append(json_.substr(start, at_ - start));
    if (at_ >= json_.size()) fail_at(at_, "the header ends inside a string");
    const char c = json_[at_++];
    if (c == '"') return out;
    if (c != '\\') fail_at(at_ - 1, "a control character in a string");
    scan_escape(out);
  }
}

void HeaderScanner::scan_escape(std::string& out) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const size_t start = at_ - 1;
  const char c = at_ < json_.size() ? json_[at_++] : '\0';
  if (const size_t found = kEscapes.find(c); found != std::string_view::npos) {
    out += kMeanings[found];
    return;
  }
  if (c != 'u') fail_at(start, "an unknown escape in a string");
  char32_t code = scan_hex4();
  if (code >= 0xd800 && code < 0xdc00 && json_.substr(at_, 2) == "\\u") {
    at_ += 2;
    const uint32_t low = scan_hex4();
    if (low < 0xdc00 || low > 0xdfff) fail_at(start, "half of a surrogate pair in a string");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  if (code >= 0xd800 && code < 0xe000) fail_at(start, "half of a surrogate pair in a string");
  append_utf8(out, code);
}

uint32_t HeaderScanner::scan_hex4() {
  uint32_t value = 0;
  const std::string_view digits = json_.substr(at_, 4);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + 4) fail_at(at_, "an escape without four hex digits");
  at_ += 4;
  return value;
}

int64_t HeaderScanner::scan_integer(std::string_view what, std::string_view tensor) {
  skip_space();
  int64_t value = 0;
  const char* begin = json_.data() + at_;
  const char* last = json_.data() + json_.size();
  const auto [end, error] = std::from_chars(begin, last, value);
  const size_t start = at_;
  if (error == std::errc::result_out_of_range) fail_at(start, "{} of tensor {} is out of range", what, quoted(tensor));
  if (error != std::errc() || value < 0 || *begin == '-')
    fail_at(start, "{} of tensor {} is not a whole number", what, quoted(tensor));
  at_ += static_cast<size_t>(end - begin);
  const char next = end < last ? *end : '\0';
  if (next == '.' || next == 'e' || next == 'E' || (*begin == '0' && end - begin > 1)) {
    fail_at(start, "{} of tensor {} is not a whole number", what, quoted(tensor));
  }
  return value;
}

void HeaderScanner::scan_metadata(SafetensorsMetadata& out) {
  std::unordered_set<std::string> seen;
  scan_object([&](const std::string& key) {
    if (!seen.insert(key).second) fail_at(at_, "__metadata__ has {} twice", mica::quoted(key));
    skip_space();
    if (at_ < json_.size() && json_[at_] != '"') fail_at(at_, "__metadata__ {} is not a string", mica::quoted(key));
    out.emplace_back(key, scan_string());
  });
}

SafetensorsHeaderEntry HeaderScanner::scan_entry(std::string name) {
  SafetensorsHeaderEntry entry;
  entry.name = std::move(name);
  const size_t start = at_;
  bool has_type = false;
  bool has_shape = false;
  size_t offsets = 0;
  const auto once = [&](bool seen, std::string_view key) {
    if (seen) fail_at(at_, "tensor {} has {} twice", mica::quoted(entry.name), key);
  };
  scan_object([&](const std::string& key) {
    if (key == "dtype") {
      once(has_type, key);
      const size_t at = at_;
      const std::string type = scan_string();
      const auto known = storage_from_name(type);
      if (!known) fail_at(at, "tensor {} has the unknown dtype {}", mica::quoted(entry.name), mica::quoted(type));
      entry.type = *known;
      has_type = true;
    } else if (key == "shape") {
      once(has_shape, key);
      scan_array([&] {
        if (entry.shape.size() == kMaxRank)
          fail_at(at_, "tensor {} has more than {} dimensions", mica::quoted(entry.name), kMaxRank);
        entry.shape.push_back(scan_integer("a dimension", entry.name));
      });
      has_shape = true;
    } else if (key == "data_offsets") {
      once(offsets > 0, key);
      scan_array([&] {
        const int64_t value = scan_integer("an offset", entry.name);
        if (offsets < 2) (offsets == 0 ? entry.begin : entry.end) = static_cast<uint64_t>(value);
        ++offsets;
      });
    } else {
      fail_at(at_, "tensor {} has the unknown key {}", mica::quoted(entry.name), mica::quoted(key));
    }
  });
  if (!has_type || !has_shape || offsets != 2) {
    fail_at(start, "tensor {} needs dtype, shape and two data_offsets", mica::quoted(entry.name));
  }
  check_size(entry, start);
  return entry;
}

void HeaderScanner::check_size(const SafetensorsHeaderEntry& entry, size_t start) const {
  if (entry.begin > entry.end) {
    fail_at(start, "tensor {} ends at {}, before its start at {}", mica::quoted(entry.name), entry.end, entry.begin);
  }
  const auto size = storage_size(entry.type, entry.shape);
  if (!size) fail_at(start, "the shape of tensor {} overflows", mica::quoted(entry.name));
  if (*size != entry.end - entry.begin) {
    fail_at(start, "tensor {} of type {} and shape {} needs {} bytes, data_offsets give {}", mica::quoted(entry.name),
            storage_name(entry.type), shape_text(entry.shape), *size, entry.end - entry.begin);
  }
}

SafetensorsHeader HeaderScanner::scan() {
  SafetensorsHeader header;
  bool has_metadata = false;
  scan_object([&](const std::string& key) {
    if (key == "__metadata__") {
      if (has_metadata) fail_at(at_, "__metadata__ appears twice");
      has_metadata = true;
      scan_metadata(header.metadata);
      return;
    }
    header.entries.push_back(scan_entry(key));
  });
  skip_space();
  if (at_ != json_.size()) fail_at(at_, "{} follows the header's object", quoted(json_.substr(at_, 1)));
  return header;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, std::string_view name) {
  if (!is_utf8(json)) fail("{}: offset {}: the header is not UTF-8", name, kHeaderStart);
  return HeaderScanner(json, name).scan();
}

}  // namespace mica
