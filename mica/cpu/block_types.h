#pragma once

#include <cstddef>
#include <cstdint>

#include "mica/array/dtype.h"

namespace mica::cpu {

/// Types that element-by-element kernels compute in. Elements are loaded into one of these and rounded to the array's
/// type when they are stored: sixteen combinations of kernels less for every operation.
enum class ComputeType : uint8_t { boolean, u64, i64, f32, f64, c64 };
inline constexpr int kComputeTypes = 6;

ComputeType compute_type(Dtype dtype);
size_t compute_size(ComputeType type);

/// Elements that are processed at a time: their buffers stay in the first-level cache.
inline constexpr int64_t kBlock = 512;

/// Memory for one block of any compute type.
struct alignas(64) Block {
  std::byte bytes[kBlock * 8];
};

/// `count` ≤ kBlock elements of `dtype`, `stride` elements apart, as their compute type: the elements themselves where
/// they are in that form already, else converted into `scratch`.
const void* load_block(const void* source, Dtype dtype, int64_t stride, int64_t count, Block& scratch);

/// Whether elements of the type are stored as they are computed.
bool in_compute_form(Dtype dtype);

/// Rounds results to the type they are stored in, which is not the one they are computed in.
void store_block(const void* computed, void* target, Dtype dtype, int64_t count);

/// Arrays of this many bytes are streamed past the caches when they are written, unless their memory is read too: they
/// would not be there any more when the next operation reads them from the beginning, and memory that is written over
/// whole need not be read first. With what is read for them they fill most processors' last cache.
inline constexpr size_t kStreamed = size_t{16} << 20;

/// Puts blocks of results into an array, one after another.
class ResultWriter {
 public:
  ResultWriter(Dtype dtype, bool is_streamed);
  ~ResultWriter();
  ResultWriter(const ResultWriter&) = delete;
  ResultWriter& operator=(const ResultWriter&) = delete;

  /// Where a kernel may write results, in their compute type, that are for `target`.
  void* block_for(void* target) { return is_direct_ ? target : scratch_.bytes; }
  /// Takes `count` results that were written there.
  void store(void* target, int64_t count);

 private:
  Dtype dtype_;
  bool is_streamed_;
  bool is_direct_;
  Block scratch_;
  Block stored_;
};

/// Converts between compute types. Floats become integers by truncation; NaN becomes 0, and what is too large the
/// nearest integer there is.
void convert_block(const void* from, ComputeType from_type, void* to, ComputeType to_type, int64_t count);

}  // namespace mica::cpu
