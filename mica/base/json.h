#pragma once

#include <filesystem>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace mica {

/// JSON with keys in file order (templates print dictionaries in that order).
using Json = nlohmann::ordered_json;

/// Bounds on JSON from outside. The defaults suit configuration files; requests and tokenizers bring their own.
struct JsonLimits {
  size_t max_bytes = size_t{64} << 20;
  int max_depth = 128;
};

/// Parses `text`. `name` (a file name, "request body", "--kwargs" …) starts every error message, which also tells the
/// offset. Rejects what strict JSON rejects, invalid UTF-8, halves of surrogate pairs and documents over the limits
/// (1000 levels at most); accepts the NaN, Infinity and -Infinity that Python's json writes. Of duplicate keys the last
/// value counts, at the first one's place, as in Python. Integers beyond 64 bits become doubles, numbers beyond a
/// double's range infinity or zero.
Json parse_json(std::string_view text, std::string_view name, const JsonLimits& limits = {});

/// parse_json of a file's text, with the path as the name.
Json load_json(const std::filesystem::path& path, const JsonLimits& limits = {});

}  // namespace mica
