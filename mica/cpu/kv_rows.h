#pragma once

#include <cstddef>
#include <cstdint>

namespace mica::cpu {

/// How keys and values are stored: as numbers, or as codes of 8 or 4 bits (ops/kv_format.h says how a row lies).
enum class KvType : uint8_t { f32, f16, bf16, q8, q4 };

/// Keys or values of one head, one row of `dim` elements a place.
struct KvRows {
  KvType type = KvType::f32;
  int group = 32;  ///< elements that share a scale; for codes
  int64_t dim = 0;
  int64_t bytes = 0;                ///< of a row
  const std::byte* data = nullptr;  ///< row 0
  int64_t stride = 0;               ///< bytes from row to row
};

}  // namespace mica::cpu
