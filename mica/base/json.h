#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace mica {

/// JSON with keys in file order (templates print dictionaries in that order).
using Json = nlohmann::ordered_json;

/// Bounds on JSON from outside. The defaults suit configuration files; requests and tokenizers bring their own.
struct JsonLimits {
  size_t max_bytes = size_t{64} << 20;
  int max_depth = 128;
};

/// Parses `text`. `name` (a file name, "request body", "--kwargs" …) starts every error message, which also tells the
/// offset. Rejects what strict JSON rejects, invalid UTF-8 and documents over the limits; accepts the NaN, Infinity
/// and -Infinity that Python's json writes. Of duplicate keys the last one counts, as in Python.
Json parse_json(std::string_view text, std::string_view name, const JsonLimits& limits = {});

/// parse_json of a file's text, with the path as the name.
Json load_json(const std::filesystem::path& path, const JsonLimits& limits = {});

}  // namespace mica
