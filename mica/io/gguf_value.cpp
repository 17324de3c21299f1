#include "mica/io/gguf_value.h"

#include <array>
#include <cstring>
#include <limits>

#include "mica/base/error.h"

namespace mica {
namespace {

struct TypeInfo {
  std::string_view name;
  size_t size;
};

constexpr std::array<TypeInfo, 13> kTypes = {{{"u8", 1},
                                              {"i8", 1},
                                              {"u16", 2},
                                              {"i16", 2},
                                              {"u32", 4},
                                              {"i32", 4},
                                              {"f32", 4},
                                              {"bool", 1},
                                              {"string", 0},
                                              {"array", 0},
                                              {"u64", 8},
                                              {"i64", 8},
                                              {"f64", 8}}};

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

std::string_view string_at(const std::byte* at) {
  return {reinterpret_cast<const char*>(at + sizeof(uint64_t)), load<uint64_t>(at)};
}

}  // namespace

std::string_view gguf_type_name(GgufType type) {
  return kTypes.at(static_cast<size_t>(type)).name;
}
size_t gguf_type_size(GgufType type) {
  return kTypes.at(static_cast<size_t>(type)).size;
}

std::string_view GgufStrings::Iterator::operator*() const {
  return string_at(at_);
}

GgufStrings::Iterator& GgufStrings::Iterator::operator++() {
  at_ += sizeof(uint64_t) + load<uint64_t>(at_);
  return *this;
}

GgufStrings::Iterator GgufStrings::Iterator::operator++(int) {
  const Iterator before = *this;
  ++*this;
  return before;
}

uint64_t GgufValue::offset() const {
  return static_cast<uint64_t>(bytes_.data() - file_->bytes().data());
}

void GgufValue::wrong_type(std::string_view expected) const {
  const bool array = is_array();
  fail("{}: key {} at offset {} is {}{}, expected {}", file_->path().string(), quoted(key_), offset(),
       array ? "an array of " : "of type ", gguf_type_name(element_type_), expected);
}

int64_t GgufValue::integer_at(size_t index) const {
  const std::byte* at = bytes_.data() + index * gguf_type_size(element_type_);
  switch (element_type_) {
    case GgufType::u8:
    case GgufType::boolean:
      return load<uint8_t>(at);
    case GgufType::i8:
      return load<int8_t>(at);
    case GgufType::u16:
      return load<uint16_t>(at);
    case GgufType::i16:
      return load<int16_t>(at);
    case GgufType::u32:
      return load<uint32_t>(at);
    case GgufType::i32:
      return load<int32_t>(at);
    case GgufType::i64:
      return load<int64_t>(at);
    case GgufType::u64: {
      const auto value = load<uint64_t>(at);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        fail("{}: key {} at offset {}: {} is out of range", file_->path().string(), quoted(key_), offset(), value);
      }
      return static_cast<int64_t>(value);
    }
    default:
      wrong_type("an integer");
  }
}

double GgufValue::number_at(size_t index) const {
  const std::byte* at = bytes_.data() + index * gguf_type_size(element_type_);
  if (element_type_ == GgufType::f32) return load<float>(at);
  if (element_type_ == GgufType::f64) return load<double>(at);
  if (element_type_ == GgufType::u64) return static_cast<double>(load<uint64_t>(at));
  if (element_type_ == GgufType::boolean) wrong_type("a number");
  return static_cast<double>(integer_at(index));
}

uint64_t GgufValue::as_u64() const {
  if (type_ == GgufType::u64) return load<uint64_t>(bytes_.data());
  const int64_t value = as_i64();
  if (value < 0) {
    fail("{}: key {} at offset {}: {} is negative", file_->path().string(), quoted(key_), offset(), value);
  }
  return static_cast<uint64_t>(value);
}

int64_t GgufValue::as_i64() const {
  if (is_array() || type_ == GgufType::boolean) wrong_type("an integer");
  return integer_at(0);
}

double GgufValue::as_f64() const {
  if (is_array()) wrong_type("a number");
  return number_at(0);
}

bool GgufValue::as_bool() const {
  if (type_ != GgufType::boolean) wrong_type("a bool");
  return load<uint8_t>(bytes_.data()) != 0;
}

std::string_view GgufValue::as_string() const {
  if (type_ != GgufType::string) wrong_type("a string");
  return string_at(bytes_.data());
}

GgufStrings GgufValue::as_strings() const {
  if (!is_array() || element_type_ != GgufType::string) wrong_type("an array of strings");
  return {bytes_, count_};
}

std::vector<int64_t> GgufValue::as_i64_array() const {
  std::vector<int64_t> out(count_);
  for (size_t i = 0; i < count_; ++i) out[i] = integer_at(i);
  return out;
}

std::vector<float> GgufValue::as_f32_array() const {
  std::vector<float> out(count_);
  for (size_t i = 0; i < count_; ++i) out[i] = static_cast<float>(number_at(i));
  return out;
}

}  // namespace mica
