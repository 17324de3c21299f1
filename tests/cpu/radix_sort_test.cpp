// Sorting by keys against the standard library's stable sort.
#include "mica/cpu/radix_sort.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "mica/cpu/ordering.h"

namespace mica::cpu {
namespace {

template <typename T>
std::vector<T> random_values(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<T> out(count);
  for (T& value : out) {
    if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(random());
    } else {
      // Many equal ones, every special one, and all magnitudes.
      const float specials[] = {0.0f, -0.0f, NAN, -NAN, INFINITY, -INFINITY, 1e-40f, -1e-40f, 1.0f, -1.0f};
      const auto wide =
          std::ldexp(static_cast<float>(random()) * 0x1p-32f - 0.5f, static_cast<int>(random() % 40) - 20);
      value = static_cast<T>(random() % 3 == 0 ? specials[random() % 10] : wide);
    }
  }
  return out;
}

template <typename T>
void check(size_t count) {
  SCOPED_TRACE(testing::Message() << count << " of " << sizeof(T) << " bytes");
  const std::vector<T> x = random_values<T>(count, static_cast<uint32_t>(count));
  std::vector<uint32_t> wanted(count);
  std::iota(wanted.begin(), wanted.end(), 0u);
  std::stable_sort(wanted.begin(), wanted.end(), [&](uint32_t a, uint32_t b) { return before(x[a], x[b]); });
  std::vector<RadixKey<T>> keys(count);
  std::vector<uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0u);
  std::transform(x.begin(), x.end(), keys.begin(), [](T value) { return radix_key(value, true); });
  RadixSorter<RadixKey<T>> sorter;
  sorter.run(keys.data(), numbers.data(), static_cast<int64_t>(count));
  EXPECT_EQ(numbers, wanted);
  // Without numbers, as values.
  std::transform(x.begin(), x.end(), keys.begin(), [](T value) { return radix_key(value, false); });
  sorter.run(keys.data(), nullptr, static_cast<int64_t>(count));
  int minus_zeros = 0;
  for (size_t i = 0; i < count; ++i) {
    const T got = radix_value<T>(keys[i]);
    const T expected = x[wanted[i]];
    ASSERT_TRUE(got == expected || (got != got && expected != expected)) << "place " << i;
    if constexpr (!std::is_integral_v<T>) {
      const auto minus = [](T value) { return value == T(0) && std::signbit(static_cast<float>(value)); };
      minus_zeros += static_cast<int>(minus(got)) - static_cast<int>(minus(expected));
    }
  }
  EXPECT_EQ(minus_zeros, 0) << "zeros keep their signs";
}

template <typename T>
void check_sizes() {
  for (const size_t count : {1u, 2u, 31u, 32u, 33u, 257u, 1023u, 1024u, 5001u}) check<T>(count);
}

TEST(RadixSort, EveryTypeAsStableSortDoes) {
  check_sizes<float>();
  check_sizes<float16_t>();
  check_sizes<bfloat16_t>();
  check_sizes<int32_t>();
  check_sizes<uint32_t>();
  check_sizes<int16_t>();
  check_sizes<uint16_t>();
  check_sizes<int8_t>();
  check_sizes<uint8_t>();
}

}  // namespace
}  // namespace mica::cpu
