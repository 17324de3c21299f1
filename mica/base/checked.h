#pragma once

#include <concepts>
#include <optional>

namespace mica {

/// a + b, or nothing when the sum does not fit. For sizes and offsets read from files.
template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T out;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// a · b, or nothing when the product does not fit.
template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) {
  T out;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

}  // namespace mica
