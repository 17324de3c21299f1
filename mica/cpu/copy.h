#pragma once

#include <cstddef>

#include "mica/array/array.h"

namespace mica::cpu {

/// Copies the elements of `source`, seen with `shape` (its own), to `target` with the given strides in elements.
void copy_elements(const array& source, const Shape& shape, std::byte* target, const Strides& target_strides);

/// Copies elements of `itemsize` bytes between two places with strides in elements; parallel where it pays.
void copy_elements(const std::byte* source, const Strides& source_strides, std::byte* target,
                   const Strides& target_strides, const Shape& shape, size_t itemsize);

/// The output starts as the source: its own memory if that is done with, else a copy. For kernels that then write
/// anywhere: unlike element-by-element ones they may only have memory that nobody reads any more.
void start_from(array& source, array& out);

}  // namespace mica::cpu
