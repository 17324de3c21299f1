#pragma once

#include <cstddef>

namespace mica {

/// The size of the processor's large pages, which spare most of the translations of addresses.
inline constexpr size_t kLargePage = size_t{2} << 20;

/// Zeroed memory straight from the system that begins on a large page; large pages are what it consists of where the
/// system gives them. Each is there from its first touch on. `before` bytes in front of it are the caller's too. Null
/// when there is no memory.
void* map_large_pages(size_t bytes, size_t before = 0);

/// Addresses for so many bytes that begin on a large page, with nothing behind them yet: a file, mapped there, can be
/// seen through large pages where the system caches it in such. Null when there are none.
void* reserve_large_pages(size_t bytes);

/// Gives back what map_large_pages returned for the same sizes.
void unmap_large_pages(void* memory, size_t bytes, size_t before = 0);

}  // namespace mica
