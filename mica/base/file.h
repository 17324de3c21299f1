#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "mica/base/function_ref.h"

namespace mica {

/// A whole file mapped read-only. Shared, because arrays keep the mapping they view alive. An empty file maps to an
/// empty span. A mapped file that another process truncates ends the program with one line that names it (there is
/// no way to go on), never with a core dump.
class MappedFile {
 public:
  /// What the system is to see the file through. Large pages are for what is streamed again and again: they spare most
  /// translations of addresses, but the first reading of a file on disk waits for more at a time.
  enum class Pages { small, large };

  /// Throws Error naming the path when the file cannot be opened or is not a regular file.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path, Pages pages = Pages::small);

  /// Memory that is used like a mapped file of that name: `size` bytes that `fill` writes.
  static std::shared_ptr<const MappedFile> in_memory(const std::filesystem::path& name, size_t size,
                                                     FunctionRef<void(std::span<std::byte>)> fill);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

  /// Tells the system that these bytes will not be read soon: they leave the process's resident memory and come
  /// back from the page cache when they are read again.
  void release(std::span<const std::byte> part) const;

 private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes, bool on_disk);
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
  bool on_disk_;
};

/// The text of a file of at most `max_bytes` bytes; throws Error naming the path otherwise. "-" is not special.
std::string read_file(const std::filesystem::path& path, uint64_t max_bytes);

/// A file that appears under its name only when it is whole: written beside it, synced, then renamed by commit().
/// Without commit() nothing is left behind.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  uint64_t position() const { return position_; }
  /// Syncs and renames; after it the object is done.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  uint64_t position_ = 0;
};

/// write_file(path, text): an AtomicFile in one call.
void write_file(const std::filesystem::path& path, std::string_view text);

/// The folder of mica's own files: $MICA_HOME, else $XDG_CACHE_HOME/mica, else ~/.cache/mica. Not created.
std::filesystem::path home_folder();

}  // namespace mica
