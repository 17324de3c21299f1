#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "mica/base/file.h"
#include "mica/io/gguf.h"

namespace mica {

/// Reads the header of one GGUF file. Nothing in it is believed: counts, sizes, offsets and types are checked against
/// the file before they are used.
class GgufParser {
 public:
  /// The file's metadata and tensors; shards that belong to it are not looked for.
  static GgufFile parse(const std::filesystem::path& path);

 private:
  explicit GgufParser(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {}

  void read_header();
  void read_values();
  void read_payload(GgufValue& value);
  void check_booleans(const GgufValue& value) const;
  void read_alignment();
  void read_tensor_infos();
  void place_tensors();

  size_t left() const { return file_->bytes().size() - at_; }
  template <typename T>
  T read(std::string_view what);
  std::string_view read_string(std::string_view what);
  std::string_view read_name(std::string_view what, size_t max_bytes);
  GgufType read_type(std::string_view key);
  template <typename... Args>
  [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const;

  std::shared_ptr<const MappedFile> file_;
  size_t at_ = 0;
  uint64_t value_count_ = 0;
  uint64_t tensor_count_ = 0;
  /// Offsets from the start of the data section, one per tensor.
  std::vector<uint64_t> offsets_;
  std::vector<uint64_t> sizes_;
  GgufFile out_;
};

}  // namespace mica
