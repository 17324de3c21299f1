#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace mica {

/// The element types that tensor files (safetensors, npy) hold.
enum class StorageType : uint8_t {
  boolean,
  u8,
  u16,
  u32,
  u64,
  i8,
  i16,
  i32,
  i64,
  f16,
  bf16,
  f32,
  f64,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
  c64
};

/// Bytes of one element.
size_t storage_bytes(StorageType type);
/// The name that safetensors uses: "F32", "BOOL", "F8_E4M3" …
std::string_view storage_name(StorageType type);
/// The type of that safetensors name, or nothing.
std::optional<StorageType> storage_from_name(std::string_view name);

/// Bytes of a tensor of this type and shape; nothing when a dimension is negative or the size overflows int64.
std::optional<uint64_t> storage_size(StorageType type, std::span<const int64_t> shape);

/// "[2, 3]", for messages.
std::string shape_text(std::span<const int64_t> shape);

}  // namespace mica
