// NumPy's archives: zip files with an .npy file for each array.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <zip.h>

#include "mica/base/error.h"
#include "mica/io/array_files.h"
#include "mica/io/array_sink.h"
#include "mica/io/npy.h"
#include "mica/io/npy_array.h"
#include "mica/io/stored_array.h"

namespace mica {
namespace {

/// Deflate cannot shrink data more than that: what claims more is no honest archive.
constexpr uint64_t kMaxDeflateRatio = 1032;
constexpr std::string_view kExtension = ".npy";

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;

struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};

Archive open_archive(const std::string& path, int flags) {
  int code = 0;
  Archive archive(zip_open(path.c_str(), flags, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail("{}: {}", path, why);
  }
  return archive;
}

array read_entry(zip_t* archive, const zip_stat_t& status, const std::string& path) {
  const std::string name = path + ": " + mica::quoted(status.name);
  if (status.size > kMaxDeflateRatio * status.comp_size + 64)
    fail("{}: {} bytes out of {} is not possible", name, status.size, status.comp_size);
  const std::unique_ptr<zip_file_t, CloseEntry> entry(zip_fopen_index(archive, status.index, 0));
  if (!entry) fail("{}: {}", name, zip_strerror(archive));
  const auto file = MappedFile::in_memory(name, status.size, [&](std::span<std::byte> out) {
    while (!out.empty()) {
      const zip_int64_t n = zip_fread(entry.get(), out.data(), out.size());
      if (n <= 0) fail("{}: {}", name, n < 0 ? zip_file_strerror(entry.get()) : "the archive ends inside of it");
      out = out.subspan(static_cast<size_t>(n));
    }
  });
  return array_of_npy(parse_npy(file));
}

void write_archive(std::string path, const std::unordered_map<std::string, array>& arrays, zip_int32_t method) {
  if (!path.ends_with(".npz")) path += ".npz";
  std::vector<std::string> contents;
  contents.reserve(arrays.size());
  std::vector<const std::pair<const std::string, array>*> order;
  order.reserve(arrays.size());
  for (const auto& item : arrays) order.push_back(&item);
  std::ranges::sort(order, {}, [](const auto* item) { return std::string_view(item->first); });
  Archive archive = open_archive(path, ZIP_CREATE | ZIP_TRUNCATE);
  for (const auto* item : order) {
    const array a = stored_form(item->second);
    std::string& content = contents.emplace_back();
    put_npy(path, a, [&](std::span<const std::byte> bytes) {
      content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    zip_source_t* source = zip_source_buffer(archive.get(), content.data(), content.size(), 0);
    const std::string name = item->first + std::string(kExtension);
    const zip_int64_t index = source ? zip_file_add(archive.get(), name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
      zip_source_free(source);
      fail("{}: {}: {}", path, mica::quoted(item->first), zip_strerror(archive.get()));
    }
    zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), method, 0);
  }
  // libzip writes beside the file and renames. A failed close leaves the archive open.
  if (zip_close(archive.get()) != 0) fail("{}: {}", path, zip_strerror(archive.get()));
  (void)archive.release();  // NOLINT(bugprone-unused-return-value): closed
}

}  // namespace

std::unordered_map<std::string, array> load_npz(const std::string& file) {
  const Archive archive = open_archive(file, ZIP_RDONLY | ZIP_CHECKCONS);
  std::unordered_map<std::string, array> out;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t status;
    zip_stat_init(&status);
    if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &status) != 0) {
      fail("{}: entry {}: {}", file, i, zip_strerror(archive.get()));
    }
    std::string name = status.name;
    if (!name.ends_with(kExtension)) continue;
    array value = read_entry(archive.get(), status, file);
    name.resize(name.size() - kExtension.size());
    out.insert_or_assign(std::move(name), std::move(value));
  }
  return out;
}

void savez(std::string file, const std::unordered_map<std::string, array>& arrays) {
  write_archive(std::move(file), arrays, ZIP_CM_STORE);
}

void savez_compressed(std::string file, const std::unordered_map<std::string, array>& arrays) {
  write_archive(std::move(file), arrays, ZIP_CM_DEFLATE);
}

}  // namespace mica
