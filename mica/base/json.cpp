#include "mica/base/json.h"

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/file.h"

namespace mica {

Json parse_json(std::string_view text, std::string_view name, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    fail("{}: {} bytes of JSON, more than the {} allowed", name, text.size(), limits.max_bytes);
  }
  const auto check_depth = [&](int depth, Json::parse_event_t event, Json&) {
    const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= limits.max_depth) fail("{}: JSON nested deeper than {} levels", name, limits.max_depth);
    return true;
  };
  try {
    return Json::parse(text, check_depth);
  } catch (const Json::parse_error& error) {
    fail("{}: not valid JSON at byte {}", name, error.byte);
  } catch (const Json::exception& error) {
    fail("{}: not valid JSON: {}", name, quoted(error.what(), 160));
  }
}

Json load_json(const std::filesystem::path& path, const JsonLimits& limits) {
  return parse_json(read_file(path, limits.max_bytes), path.string(), limits);
}

}  // namespace mica
