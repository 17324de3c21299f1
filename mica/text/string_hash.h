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
  if (n > 0) {
    uint64_t word = 0;
    std::memcpy(&word, p, n);
    h = mix(h ^ word);
  }
  return mix(h);
}

}  // namespace mica::text
