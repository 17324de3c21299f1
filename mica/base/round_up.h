#pragma once

#include <concepts>
#include <type_traits>

namespace mica {

/// The smallest multiple of `step` that is not below `value` (neither is negative).
template <std::integral T>
constexpr T round_up(T value, std::type_identity_t<T> step) {
  return (value + step - 1) / step * step;
}

}  // namespace mica
