#include "mica/cpu/quantized_matrix.h"

#include <cstring>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/half.h"
#include "mica/cpu/record_reader.h"

namespace mica::cpu {
namespace {

template <typename Convert>
void widen(const std::byte* in, int64_t count, float* out, Convert convert) {
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, in + 2 * i, 2);
    out[i] = convert(bits);
  }
}

void dense_row(const QuantizedMatrix& matrix, int64_t row, float* out) {
  const int64_t bytes = matrix.format.row_bytes(matrix.cols);
  const auto* in = static_cast<const std::byte*>(matrix.codes) + row * bytes;
  if (matrix.format.kind == QuantKind::f32) {
    std::memcpy(out, in, static_cast<size_t>(bytes));
  } else if (matrix.format.kind == QuantKind::f16) {
    widen(in, matrix.cols, out, half_to_float);
  } else {
    widen(in, matrix.cols, out, bfloat_to_float);
  }
}

}  // namespace

void dequantize_row(const QuantizedMatrix& matrix, int64_t row, float* out) {
  if (row < 0 || row >= matrix.rows) {
    fail_as<std::out_of_range>("row {} of a weight matrix with {} rows", row, matrix.rows);
  }
  if (matrix.format.is_dense()) return dense_row(matrix, row, out);
  const CodeScheme& scheme = code_scheme(matrix.format);
  matrix.format.row_bytes(matrix.cols);  // checks the shape
  with_record_reader(matrix, [&](const auto& reader) {
    CodeRecord record;
    for (int64_t index = 0; index < matrix.cols / scheme.record; ++index) {
      reader.read(row, index, record);
      record_values(scheme, record, matrix.factor, out + index * scheme.record);
    }
  });
}

void dequantize_rows(const QuantizedMatrix& matrix, std::span<const int64_t> rows, float* out) {
  for (const int64_t row : rows) {
    dequantize_row(matrix, row, out);
    out += matrix.cols;
  }
}

}  // namespace mica::cpu
