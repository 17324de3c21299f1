#include "mica/io/byte_stream.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "mica/base/error.h"

namespace mica::io {
namespace {

int whence(std::ios_base::seekdir way) {
  return way == std::ios_base::beg ? SEEK_SET : way == std::ios_base::end ? SEEK_END : SEEK_CUR;
}

size_t move_to(int fd, int64_t offset, int way, const std::string& label) {
  const off_t position = ::lseek(fd, offset, way);
  if (position < 0) fail_as<std::runtime_error>("[seek] {}: cannot go to {}: {}", label, offset, std::strerror(errno));
  return static_cast<size_t>(position);
}

}  // namespace

ParallelFileReader::ParallelFileReader(std::string path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {}

ParallelFileReader::~ParallelFileReader() {
  if (fd_ >= 0) ::close(fd_);
}

size_t ParallelFileReader::tell() {
  return move_to(fd_, 0, SEEK_CUR, label());
}

void ParallelFileReader::seek(int64_t offset, std::ios_base::seekdir way) {
  move_to(fd_, offset, whence(way), label());
}

void ParallelFileReader::read(char* data, size_t n) {
  const size_t at = tell();
  read(data, n, at);
  seek(static_cast<int64_t>(at + n));
}

void ParallelFileReader::read(char* data, size_t n, size_t offset) {
  while (n > 0) {
    const ssize_t got = ::pread(fd_, data, n, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      fail_as<std::runtime_error>("[read] {}: {} bytes are missing at offset {}{}{}", label(), n, offset,
                                  got < 0 ? ": " : "", got < 0 ? std::strerror(errno) : "");
    }
    data += got;
    offset += static_cast<size_t>(got);
    n -= static_cast<size_t>(got);
  }
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : path_(std::exchange(other.path_, {})), fd_(std::exchange(other.fd_, -1)) {}

FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

void FileWriter::open() {
  if (fd_ < 0 && !path_.empty()) fd_ = ::open(path_.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
}

size_t FileWriter::tell() {
  return move_to(fd_, 0, SEEK_CUR, label());
}

void FileWriter::seek(int64_t offset, std::ios_base::seekdir way) {
  move_to(fd_, offset, whence(way), label());
}

void FileWriter::write(const char* data, size_t n) {
  while (n > 0) {
    const ssize_t put = ::write(fd_, data, n);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_as<std::runtime_error>("[write] {}: {}", label(), std::strerror(errno));
    data += put;
    n -= static_cast<size_t>(put);
  }
}

}  // namespace mica::io
