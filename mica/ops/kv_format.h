#pragma once

#include <cstdint>
#include <string_view>

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

/// How a cache holds keys and values: as numbers of its dtype, or, in a uint8 cache, as codes of a few bits. A row of
/// codes is: one byte an element (8 bits), or 32 elements in 16 bytes, the second 16 of them in the upper halves
/// (4 bits), filled up to 32 elements; then for every group of neighbours scale and bias in float32. An element is
/// code · scale + bias; bias is the group's smallest element, the largest one has the largest code.
struct KvFormat {
  int bits = 0;         ///< 8 or 4; 0 for numbers of the cache's dtype
  int group_size = 64;  ///< 32, 64 or 128; the last group of a row may be shorter

  friend bool operator==(const KvFormat&, const KvFormat&) = default;
};

/// The tokens of a page of a cache in pages are a multiple of this: attention sums up so many keys at a time, and gives
/// the same sums whatever pages they lie in.
inline constexpr int64_t kKvPageTokens = 128;

/// Throws std::invalid_argument for bits or a group size that there are not.
void check_kv_format(const KvFormat& format, std::string_view op);

/// Bytes of a row of `dim` elements as codes.
constexpr int64_t kv_code_bytes(const KvFormat& format, int64_t dim) {
  return (dim + 31) / 32 * 32 * format.bits / 8;
}
constexpr int64_t kv_row_bytes(const KvFormat& format, int64_t dim) {
  return kv_code_bytes(format, dim) + (dim + format.group_size - 1) / format.group_size * 8;
}

/// Rows [..., D] of floating-point numbers as codes: uint8 [..., kv_row_bytes]. Throws std::invalid_argument for other
/// dtypes and formats.
array quantize_kv(const array& rows, const KvFormat& format, StreamOrDevice s = {});

/// The numbers that such codes stand for: float32 [..., dim].
array dequantize_kv(const array& codes, int64_t dim, const KvFormat& format, StreamOrDevice s = {});

}  // namespace mica
