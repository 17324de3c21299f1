#include <ostream>

#include <fmt/format.h>

#include "mica/array/array.h"
#include "mica/array/utils.h"

namespace mica {
namespace {

/// Axes longer than this are shown by their first and last three elements.
constexpr ShapeElem kLongAxis = 7;

std::string digits(double value, int precision) {
  return precision < 0 ? fmt::format("{:.6g}", value) : fmt::format("{:.{}f}", value, precision);
}

/// The type that the formatter takes for an element type.
template <typename T>
auto printable(const T& value) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, complex64_t> || std::is_same_v<T, double>) {
    return value;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>(value);
  } else {
    return static_cast<double>(static_cast<float>(value));
  }
}

template <typename T>
void print_axis(std::ostream& os, const PrintFormatter& formatter, const array& a, size_t axis, int64_t offset) {
  if (axis == a.ndim()) return formatter.print(os, printable(a.data<T>()[offset]));
  const ShapeElem length = a.shape()[axis];
  const std::string separator = axis + 1 == a.ndim() ? ", " : ",\n" + std::string(axis + 7, ' ');
  os << '[';
  for (ShapeElem i = 0; i < length; ++i) {
    if (i > 0) os << separator;
    if (length > kLongAxis && i == 3) {
      os << "..." << separator;
      i = length - 3;
    }
    print_axis<T>(os, formatter, a, axis + 1, offset + i * a.strides()[axis]);
  }
  os << ']';
}

}  // namespace

void PrintFormatter::print(std::ostream& os, bool value) const {
  os << (capitalize_bool ? (value ? "True" : "False") : (value ? "true" : "false"));
}

void PrintFormatter::print(std::ostream& os, int64_t value) const {
  os << value;
}

void PrintFormatter::print(std::ostream& os, uint64_t value) const {
  os << value;
}

void PrintFormatter::print(std::ostream& os, double value) const {
  os << digits(value, format_options.precision);
}

void PrintFormatter::print(std::ostream& os, complex64_t value) const {
  const std::string imaginary = digits(value.imag(), format_options.precision);
  os << digits(value.real(), format_options.precision) << (imaginary.starts_with('-') ? "" : "+") << imaginary << 'j';
}

PrintFormatter& get_global_formatter() {
  static PrintFormatter formatter{.capitalize_bool = true, .format_options = {}};  // MLX's shared options
  return formatter;
}

void set_printoptions(PrintOptions options) {
  get_global_formatter().format_options = options;
}

std::ostream& operator<<(std::ostream& os, array a) {
  a.eval();
  os << "array(";
  dispatch(a.dtype(), [&]<typename T>(T) { print_axis<T>(os, get_global_formatter(), a, 0, 0); });
  return os << ", dtype=" << dtype_name(a.dtype()) << ")";
}

}  // namespace mica
