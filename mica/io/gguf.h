#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mica/base/file.h"
#include "mica/io/ggml_type.h"
#include "mica/io/gguf_value.h"

namespace mica {

/// One tensor of a GGUF file: a view into the mapping that `owner` keeps alive.
struct GgufTensor {
  std::string name;
  const GgmlType* type = nullptr;  ///< never null
  std::vector<int64_t> dims;       ///< as stored: the first one is contiguous; empty for a scalar
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> owner;

  /// Row-major shape: dims reversed.
  std::vector<int64_t> shape() const { return {dims.rbegin(), dims.rend()}; }
  int64_t elements() const;
  /// Where the data start in their file.
  uint64_t offset() const { return static_cast<uint64_t>(bytes.data() - owner->bytes().data()); }
};

/// A GGUF model (version 2 or 3, little-endian): metadata and tensors as checked views into the mapped file. Cheap to
/// open whatever its size: only the header is read.
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
class GgufFile {
 public:
  /// Opens a file, or all shards of a split model given its first one ("…-00001-of-00003.gguf"; the others must lie
  /// beside it). Throws Error naming file, key or tensor, and offset when anything in the header does not add up.
  static GgufFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  uint32_t version() const { return version_; }
  uint64_t alignment() const { return alignment_; }

  /// Metadata in file order (of a split model: the first shard's).
  const std::vector<GgufValue>& values() const { return values_; }
  /// The value of `key`, or null.
  const GgufValue* find(std::string_view key) const;
  /// The value of `key`; a missing one is an Error.
  const GgufValue& get(std::string_view key) const;

  /// Typed lookups. A value of another type or out of range is an Error; so is a missing key unless a default is given.
  uint64_t get_u64(std::string_view key) const { return get(key).as_u64(); }
  int64_t get_i64(std::string_view key) const { return get(key).as_i64(); }
  double get_f64(std::string_view key) const { return get(key).as_f64(); }
  bool get_bool(std::string_view key) const { return get(key).as_bool(); }
  std::string_view get_string(std::string_view key) const { return get(key).as_string(); }
  GgufStrings get_strings(std::string_view key) const { return get(key).as_strings(); }
  uint64_t get_u64(std::string_view key, uint64_t fallback) const;
  int64_t get_i64(std::string_view key, int64_t fallback) const;
  double get_f64(std::string_view key, double fallback) const;
  bool get_bool(std::string_view key, bool fallback) const;
  std::string_view get_string(std::string_view key, std::string_view fallback) const;

  /// Tensors in file order, of all shards.
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  /// The tensor of that name, or null.
  const GgufTensor* find_tensor(std::string_view name) const;
  /// The tensor of that name; a missing one is an Error.
  const GgufTensor& get_tensor(std::string_view name) const;

 private:
  friend class GgufParser;
  GgufFile() = default;
  void add_shards();
  void index_tensors();

  std::filesystem::path path_;
  uint32_t version_ = 0;
  uint64_t alignment_ = 32;
  std::vector<GgufValue> values_;
  std::vector<GgufTensor> tensors_;
  // The views point into the mappings, so copies and moves of the GgufFile stay valid.
  std::unordered_map<std::string_view, size_t> value_index_;
  std::unordered_map<std::string, size_t> tensor_index_;
};

}  // namespace mica
