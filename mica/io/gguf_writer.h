#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mica/io/array_sink.h"
#include "mica/io/ggml_type.h"
#include "mica/io/gguf_value.h"

namespace mica {

/// A tensor to be written. `dims` as the file has them: the first one is contiguous.
struct GgufTensorSpec {
  std::string name;
  const GgmlType* type = nullptr;
  std::vector<int64_t> dims;

  uint64_t size() const;
};

/// The part of a GGUF file (version 3) before its tensors' data. Keys and tensors stand in the order in which they are
/// added. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
class GgufHeader {
 public:
  /// A number or bool: its bytes, little-endian.
  void add_scalar(std::string_view key, GgufType type, std::span<const std::byte> value);
  void add_string(std::string_view key, std::string_view value);
  /// An array of numbers or bools.
  void add_array(std::string_view key, GgufType type, std::span<const std::byte> values);
  void add_strings(std::string_view key, std::span<const std::string> values);
  void add_tensor(const GgufTensorSpec& tensor);

  /// The header, padded to where the data begin. Each tensor's data are then to be padded to `kAlignment` bytes.
  std::string bytes() const;

  static constexpr uint64_t kAlignment = 32;
  /// Bytes that follow `size` bytes of data.
  static uint64_t padding(uint64_t size) { return (kAlignment - size % kAlignment) % kAlignment; }

 private:
  uint64_t value_count_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t data_size_ = 0;
  std::string values_;
  std::string tensors_;
};

}  // namespace mica
