#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mica/base/file.h"
#include "mica/io/storage_type.h"

namespace mica {

/// One tensor of a safetensors file: a view into the mapping that `owner` keeps alive. The bytes are row-major,
/// little-endian, and not always aligned to the element.
struct SafetensorsEntry {
  std::string name;
  StorageType type = StorageType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> owner;

  /// Where the data start in their file.
  uint64_t offset() const { return static_cast<uint64_t>(bytes.data() - owner->bytes().data()); }
};

/// String pairs of a file's `__metadata__`.
using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

/// Tensors of one safetensors file or of a model folder's shards, as checked views into the mapped files. Only headers
/// are read. Format: https://github.com/huggingface/safetensors
class Safetensors {
 public:
  /// Opens a file; or a folder: the shards that its model.safetensors.index.json names, or without one all files
  /// model*.safetensors in it. Throws Error naming file, tensor and offset when anything does not add up.
  static Safetensors open(const std::filesystem::path& path);

  /// A single file whose bytes are there already.
  static Safetensors parse(const std::shared_ptr<const MappedFile>& file);

  /// In the order of names within each file's header, files sorted by name.
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  /// The tensor of that name, or null.
  const SafetensorsEntry* find(std::string_view name) const;
  /// The tensor of that name; a missing one is an Error.
  const SafetensorsEntry& get(std::string_view name) const;
  /// `__metadata__` of the (first) file, in file order.
  const SafetensorsMetadata& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  Safetensors() = default;
  void add_file(const std::shared_ptr<const MappedFile>& file);

  std::filesystem::path path_;
  std::vector<SafetensorsEntry> entries_;
  std::unordered_map<std::string, size_t> index_;
  SafetensorsMetadata metadata_;
};

}  // namespace mica
