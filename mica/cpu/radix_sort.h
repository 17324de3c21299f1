#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "mica/array/dtype.h"

namespace mica::cpu {

/// Types whose rows are sorted digit by digit: their order is that of unsigned keys of at most 32 bits.
template <typename T>
inline constexpr bool has_radix_key = !std::is_same_v<T, complex64_t> && sizeof(T) <= 4;

template <typename T>
using RadixKey = std::conditional_t<sizeof(T) == 1, uint8_t, std::conditional_t<sizeof(T) == 2, uint16_t, uint32_t>>;

/// A key that orders as cpu/ordering does: NaN last. Its order of −0 and 0 is theirs in the row, as of all equal
/// numbers, when zeros are `merged`; else −0 comes first and radix_value gives it back.
template <typename T>
RadixKey<T> radix_key(T value, bool merged) {
  using Key = RadixKey<T>;
  constexpr Key sign = static_cast<Key>(Key(1) << (8 * sizeof(T) - 1));
  if constexpr (std::is_same_v<T, bool>) {
    return static_cast<Key>(value);
  } else if constexpr (std::is_integral_v<T>) {
    return std::is_signed_v<T> ? static_cast<Key>(static_cast<Key>(value) ^ sign) : static_cast<Key>(value);
  } else {
    if (value != value) return std::numeric_limits<Key>::max();
    const Key bits = merged && value == T(0) ? Key(0) : std::bit_cast<Key>(value);
    return static_cast<Key>((bits & sign) != 0 ? ~bits : bits | sign);
  }
}

/// The value of a key; NaN has one form.
template <typename T>
T radix_value(RadixKey<T> key) {
  using Key = RadixKey<T>;
  constexpr Key sign = static_cast<Key>(Key(1) << (8 * sizeof(T) - 1));
  if constexpr (std::is_same_v<T, bool>) {
    return key != 0;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(std::is_signed_v<T> ? static_cast<Key>(key ^ sign) : key);
  } else {
    if (key == std::numeric_limits<Key>::max()) return static_cast<T>(std::numeric_limits<float>::quiet_NaN());
    return std::bit_cast<T>(static_cast<Key>((key & sign) != 0 ? key & static_cast<Key>(~sign) : ~key));
  }
}

/// Sorts rows of keys, least digit first, stably. Keeps its memory from row to row.
template <typename Key>
class RadixSorter {
 public:
  /// Sorts `count` keys, and their numbers with them unless null.
  void run(Key* keys, uint32_t* numbers, int64_t count);

 private:
  static constexpr int kKeyBits = 8 * static_cast<int>(sizeof(Key));
  void insertion(Key* keys, uint32_t* numbers, int64_t count);
  /// Moves keys in the order of one digit; false when all have the same one.
  bool pass(const Key* keys, const uint32_t* numbers, int64_t count, int digit);
  void count_digits(const Key* keys, int64_t count);

  int bits_ = 8;
  std::vector<uint32_t> places_;  ///< [digits][2^bits]
  std::vector<Key> other_keys_;
  std::vector<uint32_t> other_numbers_;
  Key* to_keys_ = nullptr;
  uint32_t* to_numbers_ = nullptr;
};

extern template class RadixSorter<uint8_t>;
extern template class RadixSorter<uint16_t>;
extern template class RadixSorter<uint32_t>;

}  // namespace mica::cpu
