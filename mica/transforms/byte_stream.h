#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "mica/base/error.h"

namespace mica {

/// Numbers and texts as little-endian bytes.
class ByteWriter {
 public:
  /// The low `width` bytes of a number.
  void number(uint64_t value, int width) {
    for (int i = 0; i < width; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
  }
  void u8(uint64_t value) { number(value, 1); }
  void u32(uint64_t value) { number(value, 4); }
  void u64(uint64_t value) { number(value, 8); }
  void text(std::string_view value) {
    u32(value.size());
    bytes_ += value;
  }

  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads what ByteWriter wrote from bytes that nobody vouches for: every read is checked against the end.
class ByteReader {
 public:
  /// `name` is what errors call the bytes; both must outlive the reader.
  ByteReader(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  uint64_t number(int width) {
    const auto part = take(static_cast<size_t>(width));
    uint64_t value = 0;
    for (int i = width; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(part[static_cast<size_t>(i)]);
    return value;
  }
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  std::string_view text() {
    const auto part = take(u32());
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

  /// The number of elements that follow, of which each takes `bytes_each` bytes at least.
  size_t count(size_t bytes_each) {
    const size_t value = u32();
    if (value > (bytes_.size() - at_) / bytes_each) fail("{} elements do not fit into what is left", value);
    return value;
  }

  std::span<const std::byte> take(size_t count) {
    if (count > bytes_.size() - at_) fail("{} bytes are needed where {} are left", count, bytes_.size() - at_);
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }

  size_t position() const { return at_; }
  bool at_end() const { return at_ == bytes_.size(); }

  /// Throws Error that names the bytes and the place.
  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    mica::fail("{}: at byte {}: {}", name_, at_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  size_t at_ = 0;
};

}  // namespace mica
