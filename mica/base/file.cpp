#include "mica/base/file.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mica/base/error.h"
#include "mica/base/large_pages.h"

namespace mica {
namespace {

std::string system_error() {
  return std::strerror(errno);
}  // NOLINT(concurrency-mt-unsafe)

/// Open mappings, for the SIGBUS handler: fixed slots of atomics, because a signal handler may not lock or allocate.
struct Mapping {
  std::atomic<const std::byte*> begin = nullptr;
  std::atomic<size_t> size = 0;
  std::atomic<const char*> name = nullptr;
};
constexpr size_t kMaxMappings = 256;
std::array<Mapping, kMaxMappings> mappings;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void on_bus_error(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const std::byte*>(info->si_addr);
  for (const Mapping& mapping : mappings) {
    const std::byte* begin = mapping.begin.load();
    const char* name = mapping.name.load();
    if (!begin || !name || address < begin || address >= begin + mapping.size.load()) continue;
    const std::string_view before = "mica: ";
    const std::string_view after = ": the file changed while it was in use; run again with the whole file\n";
    (void)!::write(STDERR_FILENO, before.data(), before.size());
    (void)!::write(STDERR_FILENO, name, std::strlen(name));
    (void)!::write(STDERR_FILENO, after.data(), after.size());
    ::_exit(74);  // EX_IOERR
  }
  ::signal(SIGBUS, SIG_DFL);
}

void watch(std::span<const std::byte> bytes, const char* name) {
  static std::once_flag installed;
  std::call_once(installed, [] {
    struct sigaction action{};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, nullptr);
  });
  for (Mapping& mapping : mappings) {
    const std::byte* empty = nullptr;
    if (mapping.begin.compare_exchange_strong(empty, bytes.data())) {
      mapping.size = bytes.size();
      mapping.name = name;
      return;
    }
  }
}

void unwatch(std::span<const std::byte> bytes) {
  for (Mapping& mapping : mappings) {
    if (mapping.begin.load() != bytes.data()) continue;
    mapping.name = nullptr;
    mapping.size = 0;
    mapping.begin = nullptr;
    return;
  }
}

int open_regular(const std::filesystem::path& path, struct stat& status) {
  // O_NONBLOCK: opening a FIFO must not hang before we see that it is none of our business.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail("{}: {}", path.string(), system_error());
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    fail("{}: not a regular file", path.string());
  }
  return fd;
}

void* map_file(int fd, size_t size, MappedFile::Pages pages) {
  void* room = pages == MappedFile::Pages::large ? reserve_large_pages(size) : nullptr;
  void* memory = ::mmap(room, size, PROT_READ, MAP_PRIVATE | (room ? MAP_FIXED : 0), fd, 0);
  if (memory == MAP_FAILED) {
    if (room) unmap_large_pages(room, size);
  } else if (room) {
    ::madvise(memory, size, MADV_HUGEPAGE);
  }
  return memory;
}

}  // namespace

MappedFile::MappedFile(std::filesystem::path path, std::span<const std::byte> bytes, bool on_disk)
    : path_(std::move(path)), bytes_(bytes), on_disk_(on_disk) {
  if (on_disk && !bytes_.empty()) watch(bytes_, path_.c_str());
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path, Pages pages) {
  struct stat status{};
  const int fd = open_regular(path, status);
  std::span<const std::byte> bytes;
  if (status.st_size > 0) {
    const auto size = static_cast<size_t>(status.st_size);
    void* address = map_file(fd, size, pages);
    if (address == MAP_FAILED) {
      const std::string why = system_error();
      ::close(fd);
      fail("{}: cannot map the file: {}", path.string(), why);
    }
    bytes = {static_cast<const std::byte*>(address), size};
  }
  ::close(fd);
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the constructor is private
  return std::shared_ptr<const MappedFile>(new MappedFile(path, bytes, true));
}

std::shared_ptr<const MappedFile> MappedFile::in_memory(const std::filesystem::path& name, size_t size,
                                                        FunctionRef<void(std::span<std::byte>)> fill) {
  std::span<std::byte> bytes;
  if (size > 0) {
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) fail("{}: no memory for {} bytes", name.string(), size);
    bytes = {static_cast<std::byte*>(address), size};
  }
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the constructor is private
  std::shared_ptr<const MappedFile> out(new MappedFile(name, bytes, false));
  fill(bytes);
  return out;
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  if (on_disk_) unwatch(bytes_);
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release(std::span<const std::byte> part) const {
  if (!on_disk_) return;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Only pages that lie wholly inside: the neighbours may still be in use.
  const auto begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(part.data() + part.size()) / page * page;
  if (begin < end)
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // NOLINT(performance-no-int-to-ptr)
}

std::string read_file(const std::filesystem::path& path, uint64_t max_bytes) {
  struct stat status{};
  const int fd = open_regular(path, status);
  if (static_cast<uint64_t>(status.st_size) > max_bytes) {
    ::close(fd);
    fail("{}: {} bytes, more than the {} that such a file may have", path.string(), status.st_size, max_bytes);
  }
  std::string text(static_cast<size_t>(status.st_size), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::read(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const std::string why = system_error();
      ::close(fd);
      fail("{}: {}", path.string(), why);
    }
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  ::close(fd);
  text.resize(done);
  return text;
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::string name = path_.string() + ".XXXXXX";
  fd_ = ::mkstemp(name.data());
  if (fd_ < 0) fail("{}: cannot write here: {}", path_.string(), system_error());
  temporary_ = name;
  ::fchmod(fd_, 0644);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: cannot write: {}", path_.string(), system_error());
    done += static_cast<size_t>(n);
  }
  position_ += bytes.size();
}

void AtomicFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text)));
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail("{}: cannot write: {}", path_.string(), system_error());
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("{}: cannot rename: {}", path_.string(), system_error());
  ::close(fd_);
  fd_ = -1;
  // The rename itself survives a power cut only once the folder is synced.
  const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  const int folder_fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd >= 0) {
    ::fsync(folder_fd);
    ::close(folder_fd);
  }
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::filesystem::path home_folder() {
  // NOLINTBEGIN(concurrency-mt-unsafe)
  if (const char* home = std::getenv("MICA_HOME"); home && *home) return home;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return std::filesystem::path(cache) / "mica";
  const char* user = std::getenv("HOME");
  // NOLINTEND(concurrency-mt-unsafe)
  return std::filesystem::path(user && *user ? user : "/tmp") / ".cache" / "mica";
}

}  // namespace mica
