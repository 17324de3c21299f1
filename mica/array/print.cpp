#include <ostream>
#include <string>

#include <fmt/format.h>

#include "mica/array/array.h"

namespace mica {
namespace {

/// Axes longer than this are shown by their first and last three elements.
constexpr ShapeElem kLongAxis = 7;

template <typename T>
std::string element(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "True" : "False";
  } else if constexpr (std::is_same_v<T, complex64_t>) {
    return fmt::format("{:.6g}{:+.6g}j", value.real(), value.imag());
  } else if constexpr (std::is_integral_v<T>) {
    return fmt::format("{}", +value);
  } else {
    return fmt::format("{:.6g}", static_cast<double>(static_cast<float>(value)));
  }
}

template <typename T>
void print_axis(std::string& out, const array& a, size_t axis, int64_t offset) {
  if (axis == a.ndim()) {
    out += element(a.data<T>()[offset]);
    return;
  }
  const ShapeElem length = a.shape()[axis];
  const std::string separator = axis + 1 == a.ndim() ? ", " : ",\n" + std::string(axis + 7, ' ');
  out += '[';
  for (ShapeElem i = 0; i < length; ++i) {
    if (i > 0) out += separator;
    if (length > kLongAxis && i == 3) {
      out += "..." + separator;
      i = length - 3;
    }
    print_axis<T>(out, a, axis + 1, offset + i * a.strides()[axis]);
  }
  out += ']';
}

}  // namespace

std::ostream& operator<<(std::ostream& os, array a) {
  a.eval();
  std::string out = "array(";
  dispatch(a.dtype(), [&]<typename T>(T) { print_axis<T>(out, a, 0, 0); });
  return os << out << ", dtype=" << dtype_name(a.dtype()) << ")";
}

}  // namespace mica
