#include "mica/array/allocator.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>

#include "mica/array/memory.h"
#include "mica/base/cpu_info.h"
#include "mica/base/error.h"
#include "mica/base/large_pages.h"

namespace mica {
namespace {

/// Before every block: its size, padded so that the block itself starts on a cache line.
constexpr size_t kAlignment = 64;

/// Smaller blocks go straight to malloc, which keeps its own lists; caching larger ones saves their page faults.
constexpr size_t kSmallestCached = size_t{32} << 10;

/// Larger ones come from large pages: loops over arrays beyond the caches are up to twice as fast on those.
constexpr size_t kSmallestPaged = 2 * kLargePage;

struct Header {
  size_t size;
};

Header* header(void* block) {
  return reinterpret_cast<Header*>(static_cast<std::byte*>(block) - kAlignment);
}

/// Sizes are rounded up so that blocks of nearly equal needs can serve each other; at most 1/8 is lost.
size_t rounded(size_t size) {
  size_t step = kAlignment;
  while (step * 8 < size) step *= 2;
  return (size + step - 1) / step * step;
}

class CachingAllocator {
 public:
  static CachingAllocator& get() {
    // Never destroyed: arrays with static storage may outlive it.
    static auto* allocator = new CachingAllocator;  // NOLINT(cppcoreguidelines-owning-memory)
    return *allocator;
  }

  void* take(size_t size) {
    size = rounded(size);
    const std::lock_guard lock(mutex_);
    void* block = from_cache(size);
    if (!block) {
      if (active_ + cached_ + size > memory_limit_) shrink_cache(0);
      block = from_system(size);
    }
    active_ += header(block)->size;
    peak_ = std::max(peak_, active_);
    return block;
  }

  void give_back(void* block) {
    const std::lock_guard lock(mutex_);
    const size_t size = header(block)->size;
    active_ -= size;
    if (size < kSmallestCached || size > cache_limit_) return to_system(block);
    cache_.emplace(size, block);
    cached_ += size;
    shrink_cache(cache_limit_);
  }

  size_t active() const { return locked(active_); }
  size_t cached() const { return locked(cached_); }
  size_t peak() const { return locked(peak_); }
  size_t memory_limit() const { return locked(memory_limit_); }
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    peak_ = active_;
  }
  size_t set_memory_limit(size_t limit) {
    const std::lock_guard lock(mutex_);
    return std::exchange(memory_limit_, limit);
  }
  size_t set_cache_limit(size_t limit) {
    const std::lock_guard lock(mutex_);
    shrink_cache(limit);
    return std::exchange(cache_limit_, limit);
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    shrink_cache(0);
  }

 private:
  size_t locked(const size_t& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  void* from_cache(size_t size) {
    auto found = cache_.lower_bound(size);
    if (found == cache_.end() || found->first > size + size / 4) return nullptr;
    // Of blocks of one size the one given back last: it may still be in the processor's caches.
    found = std::prev(cache_.upper_bound(found->first));
    void* block = found->second;
    cached_ -= found->first;
    cache_.erase(found);
    return block;
  }

  static void* from_system(size_t size) {
    void* block = nullptr;
    if (size >= kSmallestPaged) {
      block = map_large_pages(size, kAlignment);
      // NOLINTNEXTLINE(cppcoreguidelines-owning-memory)
    } else if (void* raw = std::aligned_alloc(kAlignment, size + kAlignment)) {
      block = static_cast<std::byte*>(raw) + kAlignment;
    }
    if (!block) fail_as<std::runtime_error>("[malloc] out of memory: {} bytes were asked for", size);
    header(block)->size = size;
    return block;
  }

  static void to_system(void* block) {
    const size_t size = header(block)->size;
    if (size >= kSmallestPaged) {
      unmap_large_pages(block, size, kAlignment);
    } else {
      std::free(header(block));  // NOLINT(cppcoreguidelines-owning-memory)
    }
  }

  /// Frees the largest blocks first: they are the least likely to fit again.
  void shrink_cache(size_t limit) {
    while (cached_ > limit) {
      const auto largest = std::prev(cache_.end());
      cached_ -= largest->first;
      to_system(largest->second);
      cache_.erase(largest);
    }
  }

  mutable std::mutex mutex_;
  std::multimap<size_t, void*> cache_;
  size_t active_ = 0;
  size_t cached_ = 0;
  size_t peak_ = 0;
  size_t memory_limit_ = memory_limit_bytes() / 20 * 19;
  size_t cache_limit_ = size_t{64} << 20;
};

}  // namespace

namespace allocator {

Buffer malloc(size_t size) {
  return Buffer(size == 0 ? nullptr : CachingAllocator::get().take(size));
}

void free(Buffer buffer) {
  if (buffer.ptr()) CachingAllocator::get().give_back(buffer.ptr());
}

size_t size(Buffer buffer) {
  return buffer.ptr() ? header(buffer.ptr())->size : 0;
}

}  // namespace allocator

size_t get_active_memory() {
  return CachingAllocator::get().active();
}
size_t get_peak_memory() {
  return CachingAllocator::get().peak();
}
void reset_peak_memory() {
  CachingAllocator::get().reset_peak();
}
size_t get_cache_memory() {
  return CachingAllocator::get().cached();
}
size_t set_memory_limit(size_t limit) {
  return CachingAllocator::get().set_memory_limit(limit);
}
size_t get_memory_limit() {
  return CachingAllocator::get().memory_limit();
}
size_t set_cache_limit(size_t limit) {
  return CachingAllocator::get().set_cache_limit(limit);
}
void clear_cache() {
  CachingAllocator::get().clear();
}

size_t get_array_buffer_size(const std::vector<array>& arrays) {
  std::set<const void*> seen;
  size_t total = 0;
  for (const array& a : arrays) {
    const auto& data = a.data_shared_ptr();
    if (!data) fail_as<std::invalid_argument>("[get_array_buffer_size] an array is not computed yet");
    if (!seen.insert(data.get()).second) continue;
    // Memory that the allocator did not give has no other size than what is seen of it.
    const auto* deleter = data->deleter.target<void (*)(allocator::Buffer)>();
    const bool allocated = deleter && *deleter == &allocator::free;
    total += allocated ? allocator::size(data->buffer) : a.data_size() * a.itemsize();
  }
  return total;
}

size_t set_wired_limit(size_t limit) {
  static std::atomic<size_t> wired = 0;
  return wired.exchange(limit);
}

}  // namespace mica
