#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "mica/base/json.h"

namespace mica::text {

/// Where scripts/fetch_test_data.sh puts the vocabularies; $MICA_TEST_DATA overrides it.
inline std::filesystem::path test_data() {
  if (const char* folder = std::getenv("MICA_TEST_DATA")) return folder;
  return std::filesystem::path(MICA_TEST_FIXTURES).parent_path().parent_path() / "build" / "test-data";
}

inline Json text_fixture(const std::string& name) {
  return load_json(std::filesystem::path(MICA_TEST_FIXTURES) / "text" / (name + ".json"));
}

/// A text of corpus.json: its characters, or its bytes in hexadecimal.
inline std::string case_text(const Json& entry) {
  if (entry.contains("text")) return entry["text"].get<std::string>();
  const auto hex = entry["hex"].get<std::string>();
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

/// Ids as the fixtures write them: a list or, when longer than 48, their count and FNV-1a hash.
inline Json packed_ids(std::span<const int32_t> ids) {
  if (ids.size() <= 48) return Json(std::vector<int32_t>(ids.begin(), ids.end()));
  uint64_t hash = 0xcbf29ce484222325u;
  for (const int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ (static_cast<uint32_t>(id) >> shift & 0xff)) * 0x100000001b3u;
    }
  }
  return Json::array({-static_cast<int64_t>(ids.size()), std::to_string(hash)});
}

}  // namespace mica::text
