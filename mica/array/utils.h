#pragma once

#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/dtype.h"
#include "mica/base/error.h"

namespace mica {

/// Limits of a floating-point dtype; those of complex64 are its parts'. Throws std::invalid_argument for others.
struct finfo {
  explicit finfo(Dtype dtype);
  Dtype dtype;
  int bits;
  double min;
  double max;
  /// From 1 to the next number.
  double eps;
  double smallest_normal;
};

/// Limits of an integer dtype. Throws std::invalid_argument for others, bool included.
struct iinfo {
  explicit iinfo(Dtype dtype);
  Dtype dtype;
  int64_t min;
  uint64_t max;
};

/// The dtype that the arrays promote to.
Dtype result_type(const array& a, const array& b);
Dtype result_type(const array& a, const array& b, const array& c);
Dtype result_type(const std::vector<array>& arrays);

/// `axis` from 0 on, counted from the end when it is negative. Throws std::invalid_argument, the message beginning with
/// `msg_prefix`, when an array of `ndim` axes has no such axis.
int normalize_axis_index(int axis, int ndim, const std::string& msg_prefix = "");

/// A length as ShapeElem. Throws std::overflow_error when it does not fit.
template <typename T>
ShapeElem safe_cast(T length, std::string_view op = "") {
  if (!std::in_range<ShapeElem>(length)) {
    fail_as<std::overflow_error>("[{}] an axis cannot have the length {}", op, length);
  }
  return static_cast<ShapeElem>(length);
}

/// Whether the calling thread is the first that asked.
bool is_main_thread();

/// Whether n is a power of two.
constexpr bool is_power_of_2(int n) {
  return n > 0 && (n & (n - 1)) == 0;
}

/// The smallest power of two that is not below n.
constexpr int next_power_of_2(int n) {
  int power = 1;
  while (power < n) power *= 2;
  return power;
}

/// How numbers are printed.
struct PrintOptions {
  /// Digits behind the point; -1: as many as are needed, at most six significant ones.
  int precision = -1;
};

/// How elements are printed.
struct PrintFormatter {
  void print(std::ostream& os, bool value) const;
  void print(std::ostream& os, int64_t value) const;
  void print(std::ostream& os, uint64_t value) const;
  void print(std::ostream& os, double value) const;
  void print(std::ostream& os, complex64_t value) const;

  /// True and False instead of true and false. The global formatter has it on: arrays print as in Python.
  bool capitalize_bool = false;
  PrintOptions format_options;
};

/// "(2,3)".
template <typename T>
std::ostream& operator<<(std::ostream& os, const SmallVector<T>& list) {
  os << "(";
  for (size_t i = 0; i < list.size(); ++i) os << (i > 0 ? "," : "") << list[i];
  return os << ")";
}
template <typename T>
std::ostream& operator<<(std::ostream& os, const std::vector<T>& list) {
  os << "(";
  for (size_t i = 0; i < list.size(); ++i) os << (i > 0 ? "," : "") << list[i];
  return os << ")";
}

/// Options of all printing from now on. Not to be changed while another thread prints.
void set_printoptions(PrintOptions options);
PrintFormatter& get_global_formatter();

}  // namespace mica
