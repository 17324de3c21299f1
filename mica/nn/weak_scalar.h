#pragma once

#include "mica/array/array.h"
#include "mica/ops/elementwise.h"

namespace mica {

/// A number in arithmetic with an array, as in MLX's Python: it takes the array's dtype, so that half precision stays
/// half precision, and float32 beside integers. (An arithmetic C++ value is an array of its own type: float16 times a
/// float is float32.)
struct Weak {
  explicit Weak(double number) : value(number) {}

  /// The number as a scalar array of the type that it takes beside `x`.
  array like(const array& x) const { return array(value, issubdtype(x.dtype(), inexact) ? x.dtype() : float32); }

  double value;
};

/// The operators and functions, the number in the array's dtype.
inline array operator+(Weak a, const array& b) {
  return add(a.like(b), b);
}
inline array operator+(const array& a, Weak b) {
  return add(a, b.like(a));
}
inline array operator-(Weak a, const array& b) {
  return subtract(a.like(b), b);
}
inline array operator-(const array& a, Weak b) {
  return subtract(a, b.like(a));
}
inline array operator*(Weak a, const array& b) {
  return multiply(a.like(b), b);
}
inline array operator*(const array& a, Weak b) {
  return multiply(a, b.like(a));
}
inline array operator/(Weak a, const array& b) {
  return divide(a.like(b), b);
}
inline array operator/(const array& a, Weak b) {
  return divide(a, b.like(a));
}
inline array maximum(const array& a, Weak b) {
  return maximum(a, b.like(a));
}
inline array minimum(const array& a, Weak b) {
  return minimum(a, b.like(a));
}

}  // namespace mica
