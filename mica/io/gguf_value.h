#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "mica/base/file.h"

namespace mica {

/// Types of GGUF metadata values, with the numbers that the file uses.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// "u32", "string" …
std::string_view gguf_type_name(GgufType type);
/// Bytes of one value; 0 for strings and arrays, whose size varies.
size_t gguf_type_size(GgufType type);

/// The strings of an array value, read from the file one after the other as you iterate; nothing is copied. Views live
/// as long as the file (or a GgufValue of it) does.
class GgufStrings {
 public:
  /// Goes over the texts in order.
  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator() = default;
    std::string_view operator*() const;
    Iterator& operator++();
    Iterator operator++(int);
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    friend class GgufStrings;
    explicit Iterator(const std::byte* at) : at_(at) {}
    const std::byte* at_ = nullptr;
  };

  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return Iterator(bytes_.data()); }
  Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  /// All of them, for random access: 16 bytes a string.
  std::vector<std::string_view> to_vector() const { return {begin(), end()}; }

 private:
  friend class GgufValue;
  GgufStrings(std::span<const std::byte> bytes, size_t count) : bytes_(bytes), count_(count) {}
  std::span<const std::byte> bytes_;
  size_t count_;
};

/// One metadata value: a checked view into the mapped file, which it keeps alive. The readers throw an Error that names
/// the file, the key and the offset when the value is of another type or out of range.
class GgufValue {
 public:
  std::string_view key() const { return key_; }
  GgufType type() const { return type_; }
  bool is_array() const { return type_ == GgufType::array; }
  /// Type of an array's elements (for a scalar: its own type), and how many there are (1 for a scalar).
  GgufType element_type() const { return element_type_; }
  size_t count() const { return count_; }
  /// Where the value starts in the file.
  uint64_t offset() const;

  /// Integers of any width, range-checked.
  uint64_t as_u64() const;
  int64_t as_i64() const;
  /// Floats and integers.
  double as_f64() const;
  bool as_bool() const;
  std::string_view as_string() const;
  GgufStrings as_strings() const;
  /// Arrays of integers (or booleans) and of numbers; a scalar reads as an array of one.
  std::vector<int64_t> as_i64_array() const;
  std::vector<float> as_f32_array() const;
  /// The array's (or scalar's) bytes as stored: little-endian, not aligned.
  std::span<const std::byte> raw() const { return bytes_; }

 private:
  friend class GgufParser;
  int64_t integer_at(size_t index) const;
  double number_at(size_t index) const;
  [[noreturn]] void wrong_type(std::string_view expected) const;

  std::shared_ptr<const MappedFile> file_;
  std::string_view key_;
  GgufType type_ = GgufType::u8;
  GgufType element_type_ = GgufType::u8;
  size_t count_ = 1;
  std::span<const std::byte> bytes_;
};

}  // namespace mica
