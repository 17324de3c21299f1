#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "mica/base/json.h"

namespace mica {

inline std::filesystem::path io_fixture(const std::string& name) {
  return std::filesystem::path(MICA_TEST_FIXTURES) / "io" / name;
}

inline std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    out += kDigits[std::to_integer<size_t>(b) >> 4];
    out += kDigits[std::to_integer<size_t>(b) & 15];
  }
  return out;
}

}  // namespace mica
