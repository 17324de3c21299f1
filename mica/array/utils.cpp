#include "mica/array/utils.h"

#include <cmath>
#include <thread>

namespace mica {
namespace {

struct FloatFormat {
  int bits;
  int mantissa_bits;
  int min_exponent;
  int max_exponent;
};

FloatFormat format_of(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::float16:
      return {16, 10, -14, 15};
    case Dtype::Val::bfloat16:
      return {16, 7, -126, 127};
    case Dtype::Val::float32:
      return {32, 23, -126, 127};
    case Dtype::Val::float64:
      return {64, 52, -1022, 1023};
    default:
      fail_as<std::invalid_argument>("[finfo] {} is no floating-point type", dtype_name(dtype));
  }
}

}  // namespace

finfo::finfo(Dtype wanted) : dtype(wanted == complex64 ? float32 : wanted) {
  const FloatFormat format = format_of(dtype);
  bits = format.bits;
  eps = std::ldexp(1.0, -format.mantissa_bits);
  smallest_normal = std::ldexp(1.0, format.min_exponent);
  max = std::ldexp(2.0 - eps, format.max_exponent);
  min = -max;
}

iinfo::iinfo(Dtype wanted) : dtype(wanted) {
  if (!issubdtype(dtype, integer)) {
    fail_as<std::invalid_argument>("[iinfo] {} is no integer type", dtype_name(dtype));
  }
  const int bits = 8 * size_of(dtype);
  const bool is_signed = issubdtype(dtype, signedinteger);
  max = ~uint64_t{0} >> (64 - bits + (is_signed ? 1 : 0));
  min = is_signed ? -static_cast<int64_t>(max) - 1 : 0;
}

Dtype result_type(const array& a, const array& b) {
  return promote_types(a.dtype(), b.dtype());
}

Dtype result_type(const array& a, const array& b, const array& c) {
  return promote_types(result_type(a, b), c.dtype());
}

Dtype result_type(const std::vector<array>& arrays) {
  Dtype dtype = bool_;
  for (const array& a : arrays) dtype = promote_types(dtype, a.dtype());
  return dtype;
}

int normalize_axis_index(int axis, int ndim, const std::string& msg_prefix) {
  if (axis < -ndim || axis >= ndim) {
    fail_as<std::invalid_argument>("{}axis {} is out of range for an array of {} axes", msg_prefix, axis, ndim);
  }
  return axis < 0 ? axis + ndim : axis;
}

bool is_main_thread() {
  static const std::thread::id first = std::this_thread::get_id();
  return std::this_thread::get_id() == first;
}

}  // namespace mica
