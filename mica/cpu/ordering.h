#pragma once

#include <concepts>

#include "mica/array/dtype.h"

namespace mica::cpu {

/// The order of sorts: ascending, NaN last; complex numbers by real, then imaginary part.
template <typename T>
bool before(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    return a.real() != b.real() ? a.real() < b.real() : a.imag() < b.imag();
  } else if constexpr (std::is_integral_v<T>) {
    return a < b;
  } else {
    const bool a_nan = a != a;
    const bool b_nan = b != b;
    return a_nan || b_nan ? !a_nan && b_nan : a < b;
  }
}

}  // namespace mica::cpu
