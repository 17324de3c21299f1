#pragma once

#include <cstddef>
#include <vector>

#include "mica/array/array.h"

namespace mica {

/// Memory of arrays, in bytes. Files that are mapped, not read, do not count.

/// In use by arrays now.
size_t get_active_memory();
/// The most that was in use since the start or the last reset_peak_memory().
size_t get_peak_memory();
void reset_peak_memory();
/// Kept for reuse.
size_t get_cache_memory();

/// The limit above which memory kept for reuse is given back before more is taken (no hard limit). Returns the former
/// one. The start value is 95 % of what the machine or the cgroup gives.
size_t set_memory_limit(size_t limit);
size_t get_memory_limit();

/// The most that is kept for reuse; 0 keeps nothing. Returns the former value.
size_t set_cache_limit(size_t limit);

/// Bytes of the buffers behind the arrays, each counted once; the arrays must be computed.
size_t get_array_buffer_size(const std::vector<array>& arrays);

/// Bytes that are to stay resident, a matter of GPUs: of no effect on the CPU. Returns the former value.
size_t set_wired_limit(size_t limit);

/// Gives all memory kept for reuse back to the system.
void clear_cache();

}  // namespace mica
