#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mica {

/// Puts GGUF files together byte by byte, good or bad ones.
class GgufBuilder {
 public:
  template <typename T>
  static std::string raw(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof(T)};
  }
  static std::string text(std::string_view s) { return raw(uint64_t{s.size()}) + std::string(s); }

  /// A metadata entry: key, type number, payload.
  GgufBuilder& key(std::string_view name, uint32_t type, const std::string& payload) {
    keys_.push_back(text(name) + raw(type) + payload);
    return *this;
  }
  GgufBuilder& string(std::string_view name, std::string_view value) { return key(name, 8, text(value)); }
  GgufBuilder& u32(std::string_view name, uint32_t value) { return key(name, 4, raw(value)); }
  GgufBuilder& u16(std::string_view name, uint16_t value) { return key(name, 2, raw(value)); }
  GgufBuilder& strings(std::string_view name, const std::vector<std::string>& values) {
    std::string payload = raw(uint32_t{8}) + raw(uint64_t{values.size()});
    for (const auto& value : values) payload += text(value);
    return key(name, 9, payload);
  }

  GgufBuilder& tensor(std::string_view name, const std::vector<int64_t>& dims, uint32_t type, uint64_t offset) {
    std::string info = text(name) + raw(static_cast<uint32_t>(dims.size()));
    for (const int64_t dim : dims) info += raw(dim);
    tensors_.push_back(info + raw(type) + raw(offset));
    return *this;
  }
  GgufBuilder& data(std::string bytes) {
    data_ = std::move(bytes);
    return *this;
  }

  // What a well-formed header says; tests overwrite them.
  std::string magic = "GGUF";
  uint32_t version = 3;
  int64_t extra_keys = 0;
  int64_t extra_tensors = 0;
  size_t alignment = 32;

  /// The header without data or padding.
  std::string header() const {
    std::string out = magic + raw(version) +
                      raw(static_cast<uint64_t>(tensors_.size()) + static_cast<uint64_t>(extra_tensors)) +
                      raw(static_cast<uint64_t>(keys_.size()) + static_cast<uint64_t>(extra_keys));
    for (const auto& k : keys_) out += k;
    for (const auto& t : tensors_) out += t;
    return out;
  }
  std::string bytes() const {
    std::string out = header();
    if (!data_.empty()) out.append((alignment - out.size() % alignment) % alignment, '\0');
    return out + data_;
  }

 private:
  std::vector<std::string> keys_;
  std::vector<std::string> tensors_;
  std::string data_;
};

}  // namespace mica
