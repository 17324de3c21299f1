#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mica/io/safetensors.h"
#include "mica/io/storage_type.h"

namespace mica {

/// One entry of a safetensors header as it stands there.
struct SafetensorsHeaderEntry {
  std::string name;
  StorageType type = StorageType::f32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  ///< data_offsets, from the end of the header
  uint64_t end = 0;
};

/// What the JSON at a file's beginning says.
struct SafetensorsHeader {
  std::vector<SafetensorsHeaderEntry> entries;
  SafetensorsMetadata metadata;
};

/// Parses the JSON of a safetensors header, which starts 8 bytes into the file `name`. Strict: exactly the keys of the
/// format, offsets that agree with type and shape. Whether names differ and data overlap is the caller's to check.
/// Throws Error with the offset in the file.
SafetensorsHeader parse_safetensors_header(std::string_view json, std::string_view name);

}  // namespace mica
