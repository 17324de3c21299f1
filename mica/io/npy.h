#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mica/base/file.h"
#include "mica/io/storage_type.h"

namespace mica {

/// An array of an .npy file. The bytes are little-endian and live as long as `owner`: a view into the mapped file, or a
/// copy when the file was big-endian.
struct NpyArray {
  StorageType type = StorageType::f32;
  std::vector<int64_t> shape;
  /// Column-major: the first dimension is contiguous.
  bool fortran_order = false;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> owner;
};

/// Reads an .npy file, version 1, 2 or 3, of booleans, integers, floats (bfloat16 as the 'V2' that MLX and ml_dtypes
/// write) or complex64. Throws Error naming file and offset when it is malformed or holds something else.
/// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
NpyArray read_npy(const std::filesystem::path& path);

/// The same of bytes that are there already.
NpyArray parse_npy(const std::shared_ptr<const MappedFile>& file);

/// What stands before the data of a row-major array in an .npy file: version 1, padded so that the data are aligned to
/// 64 bytes. `name` is for messages.
std::string npy_header(const std::string& name, StorageType type, std::span<const int64_t> shape);

/// Writes a row-major array as NumPy does.
void write_npy(const std::filesystem::path& path, StorageType type, std::span<const int64_t> shape,
               std::span<const std::byte> bytes);

}  // namespace mica
