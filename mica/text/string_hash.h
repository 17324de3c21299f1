#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace mica::text {

/// Spreads the bits of a word.
inline uint64_t mix(uint64_t x) {
  x *= 0x9e3779b97f4a7c15u;
  return x ^ (x >> 32);
}

/// A fast hash of a short string, for the tables of this folder.
inline uint64_t hash_string(std::string_view text) {
  uint64_t h = mix(text.size() + 1);
  const char* p = text.data();
  size_t n = text.size();
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word = 0;
    std::memcpy(&word, p, 8);
    h = mix(h ^ word);
  }
  uint64_t word = 0;
  if (n >= 4) {
    uint32_t low = 0;
    uint32_t high = 0;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + n - 4, 4);
    word = static_cast<uint64_t>(high) << 32 | low;
  } else if (n > 0) {
    const auto byte = [&](size_t i) { return static_cast<uint64_t>(static_cast<uint8_t>(p[i])); };
    word = byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
  }
  if (n > 0) h = mix(h ^ word);
  return mix(h);
}

}  // namespace mica::text
