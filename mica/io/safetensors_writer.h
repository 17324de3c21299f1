#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mica/base/file.h"
#include "mica/base/function_ref.h"
#include "mica/io/safetensors.h"
#include "mica/io/storage_type.h"

namespace mica {

/// A tensor to be written.
struct SafetensorsSpec {
  std::string name;
  StorageType type = StorageType::f32;
  std::vector<int64_t> shape;

  /// Bytes of its data. Throws Error when the shape overflows.
  uint64_t size() const;
};

/// What stands before the data of a safetensors file: the header's length and the header, padded to a multiple of
/// `alignment` bytes (a multiple of 8). Throws Error naming `name` when two tensors have one name.
std::string safetensors_prefix(const std::string& name, const std::vector<SafetensorsSpec>& tensors,
                               const SafetensorsMetadata& metadata, size_t alignment = 8);

/// Writes one safetensors file in a single pass: the header from the tensors' descriptions, then their data one after
/// the other, so that a model larger than memory can be written. The file appears only on commit().
class SafetensorsWriter {
 public:
  /// Tensors are stored in the order of `tensors`; the names must differ. The first begins on a multiple of `alignment`
  /// bytes, itself one of 8.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsSpec> tensors,
                    const SafetensorsMetadata& metadata, size_t alignment = 8);

  /// The whole data of the next tensor; throws Error when the size is not the described one.
  void write(std::span<const std::byte> bytes);
  /// Throws Error when tensors are missing.
  void commit();

 private:
  std::filesystem::path path_;
  std::vector<SafetensorsSpec> tensors_;
  size_t next_ = 0;
  AtomicFile file_;
};

/// What save_safetensors_model writes besides the data.
struct SafetensorsSaveOptions {
  /// A shard ends before the tensor that would take its data past this many bytes.
  uint64_t max_shard_bytes = uint64_t{5} << 30;
  SafetensorsMetadata metadata = {{"format", "mlx"}};
  /// For the index's "total_parameters": of a quantized model, the values that its packed weights stand for.
  uint64_t total_parameters = 0;
};

/// Writes a model into `folder` as mlx-lm lays it out: model.safetensors, or shards model-00001-of-0000N.safetensors,
/// and always model.safetensors.index.json. `data(i)` gives the bytes of tensor i when it is its turn; they need to
/// stay valid until the next call only.
void save_safetensors_model(const std::filesystem::path& folder, const std::vector<SafetensorsSpec>& tensors,
                            const SafetensorsSaveOptions& options,
                            FunctionRef<std::span<const std::byte>(size_t index)> data);

}  // namespace mica
