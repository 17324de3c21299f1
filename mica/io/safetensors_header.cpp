#include "mica/io/safetensors_header.h"

#include <charconv>
#include <unordered_set>

#include <fmt/core.h>

#include "mica/base/error.h"
#include "mica/base/json_scanner.h"
#include "mica/base/utf8.h"

namespace mica {
namespace {

constexpr size_t kHeaderStart = 8;
constexpr size_t kMaxRank = 64;

/// Reads the few JSON forms that a safetensors header has. A general parser would build a tree of a 100 MB document
/// and accept what the format does not.
class HeaderScanner {
 public:
  HeaderScanner(std::string_view json, std::string_view name) : scan_(json, name, "offset", kHeaderStart) {}

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
  /// A number ≥ 0 without fraction or exponent: `what` of the tensor.
  int64_t scan_integer(std::string_view what, std::string_view tensor);

  JsonScanner scan_;
};

template <typename F>
void HeaderScanner::scan_object(F member) {
  scan_.expect('{');
  if (scan_.accept('}')) return;
  do {
    const std::string key = scan_.scan_string();
    scan_.expect(':');
    member(key);
  } while (scan_.accept(','));
  scan_.expect('}');
}

template <typename F>
void HeaderScanner::scan_array(F element) {
  scan_.expect('[');
  if (scan_.accept(']')) return;
  do {
    element();
  } while (scan_.accept(','));
  scan_.expect(']');
}

int64_t HeaderScanner::scan_integer(std::string_view what, std::string_view tensor) {
  scan_.skip_space();
  const std::string_view rest = scan_.rest();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  const auto length = static_cast<size_t>(end - rest.data());
  if (error == std::errc::result_out_of_range) {
    scan_.fail_at(scan_.at(), "{} of tensor {} is out of range", what, quoted(tensor));
  }
  const char next = length < rest.size() ? rest[length] : '\0';
  const bool fraction = next == '.' || next == 'e' || next == 'E';
  if (error != std::errc() || rest[0] == '-' || fraction || (rest[0] == '0' && length > 1)) {
    scan_.fail_at(scan_.at(), "{} of tensor {} is not a whole number", what, quoted(tensor));
  }
  scan_.advance(length);
  return value;
}

void HeaderScanner::scan_metadata(SafetensorsMetadata& out) {
  std::unordered_set<std::string> seen;
  scan_object([&](const std::string& key) {
    if (!seen.insert(key).second) scan_.fail_at(scan_.at(), "__metadata__ has {} twice", mica::quoted(key));
    if (scan_.peek() != '"') scan_.fail_at(scan_.at(), "__metadata__ {} is not a string", mica::quoted(key));
    out.emplace_back(key, scan_.scan_string());
  });
}

SafetensorsHeaderEntry HeaderScanner::scan_entry(std::string name) {
  SafetensorsHeaderEntry entry;
  entry.name = std::move(name);
  const size_t start = scan_.at();
  bool has_type = false;
  bool has_shape = false;
  size_t offsets = 0;
  const auto once = [&](bool seen, std::string_view key) {
    if (seen) scan_.fail_at(scan_.at(), "tensor {} has {} twice", mica::quoted(entry.name), key);
  };
  scan_object([&](const std::string& key) {
    if (key == "dtype") {
      once(has_type, key);
      const size_t at = scan_.at();
      const std::string type = scan_.scan_string();
      const auto known = storage_from_name(type);
      if (!known) scan_.fail_at(at, "tensor {} has the unknown dtype {}", mica::quoted(entry.name), mica::quoted(type));
      entry.type = *known;
      has_type = true;
    } else if (key == "shape") {
      once(has_shape, key);
      scan_array([&] {
        if (entry.shape.size() == kMaxRank)
          scan_.fail_at(scan_.at(), "tensor {} has more than {} dimensions", mica::quoted(entry.name), kMaxRank);
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
      scan_.fail_at(scan_.at(), "tensor {} has the unknown key {}", mica::quoted(entry.name), mica::quoted(key));
    }
  });
  if (!has_type || !has_shape || offsets != 2) {
    scan_.fail_at(start, "tensor {} needs dtype, shape and two data_offsets", mica::quoted(entry.name));
  }
  check_size(entry, start);
  return entry;
}

void HeaderScanner::check_size(const SafetensorsHeaderEntry& entry, size_t start) const {
  if (entry.begin > entry.end) {
    scan_.fail_at(start, "tensor {} ends at {}, before its start at {}", mica::quoted(entry.name), entry.end,
                  entry.begin);
  }
  const auto size = storage_size(entry.type, entry.shape);
  if (!size) scan_.fail_at(start, "the shape of tensor {} overflows", mica::quoted(entry.name));
  if (*size != entry.end - entry.begin) {
    scan_.fail_at(start, "tensor {} of type {} and shape {} needs {} bytes, data_offsets give {}",
                  mica::quoted(entry.name), storage_name(entry.type), shape_text(entry.shape), *size,
                  entry.end - entry.begin);
  }
}

SafetensorsHeader HeaderScanner::scan() {
  SafetensorsHeader header;
  bool has_metadata = false;
  scan_object([&](const std::string& key) {
    if (key == "__metadata__") {
      if (has_metadata) scan_.fail_at(scan_.at(), "__metadata__ appears twice");
      has_metadata = true;
      // MLX writes null where there is nothing to say.
      if (scan_.peek() == 'n' && scan_.rest().starts_with("null")) {
        scan_.advance(4);
      } else {
        scan_metadata(header.metadata);
      }
      return;
    }
    header.entries.push_back(scan_entry(key));
  });
  scan_.expect_end();
  return header;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, std::string_view name) {
  if (!is_utf8(json)) fail("{}: offset {}: the header is not UTF-8", name, kHeaderStart);
  return HeaderScanner(json, name).scan();
}

}  // namespace mica
