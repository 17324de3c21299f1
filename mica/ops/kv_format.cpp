#include "mica/ops/kv_format.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// Elements first … last − 1 of the last axis.
array part(const array& x, int64_t first, int64_t last, StreamOrDevice s) {
  Shape begin(x.ndim(), 0);
  Shape end = x.shape();
  begin.back() = static_cast<ShapeElem>(first);
  end.back() = static_cast<ShapeElem>(last);
  return slice(x, begin, end, s);
}

/// The shape with other axes in place of the last one.
Shape with_last(const array& x, std::initializer_list<ShapeElem> last) {
  Shape shape(x.shape().begin(), x.shape().end() - 1);
  for (const ShapeElem length : last) shape.push_back(length);
  return shape;
}

}  // namespace

void check_kv_format(const KvFormat& format, std::string_view op) {
  if (format.bits != 4 && format.bits != 8) {
    fail_as<std::invalid_argument>("[{}] keys and values have codes of 4 or 8 bits, not {}", op, format.bits);
  }
  if (format.group_size != 32 && format.group_size != 64 && format.group_size != 128) {
    fail_as<std::invalid_argument>("[{}] groups of keys and values are 32, 64 or 128 elements, not {}", op,
                                   format.group_size);
  }
}

array quantize_kv(const array& rows, const KvFormat& format, StreamOrDevice s) {
  check_kv_format(format, "quantize_kv");
  if (rows.ndim() == 0 || !issubdtype(rows.dtype(), floating)) {
    fail_as<std::invalid_argument>("[quantize_kv] rows of floating-point numbers are needed, not {} of shape {}",
                                   dtype_name(rows.dtype()), to_string(rows.shape()));
  }
  const array x = astype(rows, float32, s);
  const int64_t dim = x.shape(-1);
  const array levels(static_cast<float>((1 << format.bits) - 1));
  std::vector<array> codes;
  std::vector<array> scales;
  for (int64_t first = 0; first < dim; first += format.group_size) {
    const array group = part(x, first, std::min(dim, first + format.group_size), s);
    const array bias = min(group, -1, true, s);
    const array step = divide(subtract(max(group, -1, true, s), bias, s), levels, s);
    // A group of equal elements has no steps, and one below float32's normal numbers no reciprocal.
    const array is_flat = less(step, array(1e-30f), s);
    const array scale = where(is_flat, array(0.0f), step, s);
    const array up = where(is_flat, array(0.0f), divide(array(1.0f), step, s), s);
    codes.push_back(minimum(round(multiply(subtract(group, bias, s), up, s), 0, s), levels, s));
    scales.push_back(scale);
    scales.push_back(bias);
  }
  const int64_t filled = (dim + 31) / 32 * 32;
  if (filled > dim) codes.push_back(zeros(with_last(x, {static_cast<ShapeElem>(filled - dim)}), float32, s));
  if (codes.empty()) return zeros(with_last(x, {0}), uint8, s);
  array bytes = astype(concatenate(codes, -1, s), uint8, s);
  if (format.bits == 4) {
    const array halves = reshape(bytes, with_last(x, {static_cast<ShapeElem>(filled / 32), 2, 16}), s);
    const array upper = left_shift(take(halves, 1, -2, s), array(4, uint8), s);
    bytes =
        reshape(bitwise_or(take(halves, 0, -2, s), upper, s), with_last(x, {static_cast<ShapeElem>(filled / 2)}), s);
  }
  return concatenate({bytes, view(contiguous(concatenate(scales, -1, s), false, s), uint8, s)}, -1, s);
}

array dequantize_kv(const array& codes, int64_t dim, const KvFormat& format, StreamOrDevice s) {
  check_kv_format(format, "dequantize_kv");
  if (codes.ndim() == 0 || codes.dtype() != uint8 || dim < 0 || codes.shape(-1) != kv_row_bytes(format, dim)) {
    fail_as<std::invalid_argument>("[dequantize_kv] rows of {} elements are uint8 [..., {}], not {} of shape {}", dim,
                                   kv_row_bytes(format, std::max<int64_t>(dim, 0)), dtype_name(codes.dtype()),
                                   to_string(codes.shape()));
  }
  if (dim == 0) return zeros(with_last(codes, {0}), float32, s);
  const int64_t code_bytes = kv_code_bytes(format, dim);
  array elements = part(codes, 0, code_bytes, s);
  if (format.bits == 4) {
    const auto filled = static_cast<ShapeElem>(2 * code_bytes);
    const array both = reshape(elements, with_last(codes, {filled / 32, 1, 16}), s);
    const array lower = bitwise_and(both, array(15, uint8), s);
    elements =
        reshape(concatenate({lower, right_shift(both, array(4, uint8), s)}, -2, s), with_last(codes, {filled}), s);
  }
  const array scales = view(contiguous(part(codes, code_bytes, codes.shape(-1), s), false, s), float32, s);
  std::vector<array> groups;
  for (int64_t first = 0; first < dim; first += format.group_size) {
    const array group = astype(part(elements, first, std::min(dim, first + format.group_size), s), float32, s);
    const int64_t at = first / format.group_size * 2;
    groups.push_back(add(multiply(group, part(scales, at, at + 1, s), s), part(scales, at + 1, at + 2, s), s));
  }
  return concatenate(groups, -1, s);
}

}  // namespace mica
