#include "mica/cpu/radix_sort.h"

#include <algorithm>

namespace mica::cpu {
namespace {

/// Shorter rows are sorted by insertion.
constexpr int64_t kShort = 32;
/// From here on digits of 11 bits: their counts cost more, but 32 bits take three passes rather than four.
constexpr int64_t kLong = 1024;

}  // namespace

template <typename Key>
void RadixSorter<Key>::insertion(Key* keys, uint32_t* numbers, int64_t count) {
  for (int64_t i = 1; i < count; ++i) {
    const Key key = keys[i];
    const uint32_t number = numbers ? numbers[i] : 0;
    int64_t at = i;
    for (; at > 0 && key < keys[at - 1]; --at) {
      keys[at] = keys[at - 1];
      if (numbers) numbers[at] = numbers[at - 1];
    }
    keys[at] = key;
    if (numbers) numbers[at] = number;
  }
}

template <typename Key>
void RadixSorter<Key>::count_digits(const Key* keys, int64_t count) {
  const int digits = (kKeyBits + bits_ - 1) / bits_;
  const auto mask = (uint32_t{1} << bits_) - 1;
  places_.assign(static_cast<size_t>(digits) << bits_, 0);
  uint32_t* counts = places_.data();
  for (int64_t i = 0; i < count; ++i) {
    for (int digit = 0; digit < digits; ++digit) {
      ++counts[(static_cast<uint32_t>(digit) << bits_) + (static_cast<uint32_t>(keys[i]) >> (digit * bits_) & mask)];
    }
  }
}

template <typename Key>
bool RadixSorter<Key>::pass(const Key* keys, const uint32_t* numbers, int64_t count, int digit) {
  const int shift = digit * bits_;
  const auto mask = (uint32_t{1} << bits_) - 1;
  uint32_t* places = places_.data() + (static_cast<size_t>(digit) << bits_);
  const auto digit_of = [&](Key key) { return static_cast<uint32_t>(key) >> shift & mask; };
  if (places[digit_of(keys[0])] == static_cast<uint32_t>(count)) return false;
  uint32_t before = 0;
  for (uint32_t value = 0; value <= mask; ++value) before += std::exchange(places[value], before);
  if (numbers) {
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t place = places[digit_of(keys[i])]++;
      to_keys_[place] = keys[i];
      to_numbers_[place] = numbers[i];
    }
  } else {
    for (int64_t i = 0; i < count; ++i) to_keys_[places[digit_of(keys[i])]++] = keys[i];
  }
  return true;
}

template <typename Key>
void RadixSorter<Key>::run(Key* keys, uint32_t* numbers, int64_t count) {
  if (count <= kShort) return insertion(keys, numbers, count);
  bits_ = sizeof(Key) == 4 && count >= kLong ? 11 : 8;
  count_digits(keys, count);
  other_keys_.resize(static_cast<size_t>(count));
  if (numbers) other_numbers_.resize(static_cast<size_t>(count));
  to_keys_ = other_keys_.data();
  to_numbers_ = other_numbers_.data();
  Key* from = keys;
  uint32_t* from_numbers = numbers;
  for (int digit = 0; digit * bits_ < kKeyBits; ++digit) {
    if (!pass(from, from_numbers, count, digit)) continue;
    std::swap(from, to_keys_);
    if (numbers) std::swap(from_numbers, to_numbers_);
  }
  if (from == keys) return;
  std::copy_n(from, count, keys);
  if (numbers) std::copy_n(from_numbers, count, numbers);
}

template class RadixSorter<uint8_t>;
template class RadixSorter<uint16_t>;
template class RadixSorter<uint32_t>;

}  // namespace mica::cpu
