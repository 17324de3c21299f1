#pragma once

#include <cstdint>
#include <string_view>

namespace mica {

/// How ggml stores a tensor's values: `block` values in `bytes` bytes. Rows consist of whole blocks.
struct GgmlType {
  uint32_t id;
  std::string_view name;
  uint32_t block;
  uint32_t bytes;
};

/// The type with this id, or null when ggml has none (ids of removed types included).
const GgmlType* find_ggml_type(uint32_t id);

/// The type with this name ("Q4_K"), or null.
const GgmlType* find_ggml_type(std::string_view name);

}  // namespace mica
