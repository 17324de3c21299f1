#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mica/array/array.h"

namespace mica::cpu {

/// Types that element-by-element kernels compute in. Elements are loaded into one of these and rounded to the array's
/// type when they are stored: sixteen combinations of kernels less for every operation.
enum class ComputeType : uint8_t { boolean, u64, i64, f32, f64, c64 };
inline constexpr int kComputeTypes = 6;

ComputeType compute_type(Dtype dtype);
size_t compute_size(ComputeType type);

/// Elements that are processed at a time: their buffers stay in the first-level cache.
inline constexpr int64_t kBlock = 512;

/// Whether results should pass the caches by: where they and the inputs do not fit there, they would be gone when the
/// next operation reads them from the beginning, and memory that is written over whole need not be read first. An
/// input's memory that is written over is there. There are such kernels for float32.
bool is_streamed(const array& out, std::span<const array> inputs);

/// Memory for one block of any compute type.
struct alignas(64) Block {
  std::byte bytes[kBlock * 8];
};

/// `count` ≤ kBlock elements of `dtype`, `stride` elements apart, as their compute type: the elements themselves where
/// they are in that form already, else converted into `scratch`.
const void* load_block(const void* source, Dtype dtype, int64_t stride, int64_t count, Block& scratch);

/// Whether elements of the type are stored as they are computed.
bool in_compute_form(Dtype dtype);

/// Where a kernel may write `count` results of `dtype`: the array itself, or `scratch` if they must be converted.
void* block_target(void* target, Dtype dtype, Block& scratch);

/// Converts what block_target put into scratch; nothing to do otherwise.
void store_block(const void* computed, void* target, Dtype dtype, int64_t count);

/// Converts between compute types. Floats become integers by truncation; NaN becomes 0, and what is too large the
/// nearest integer there is.
void convert_block(const void* from, ComputeType from_type, void* to, ComputeType to_type, int64_t count);

}  // namespace mica::cpu
