#include "mica/cpu/weight_memory.h"

#include <mutex>

#include <sys/mman.h>

#include "mica/base/error.h"
#include "mica/base/round_up.h"

namespace mica::cpu {
namespace {

constexpr size_t kPage = size_t{2} << 20;
/// Matrices from this size on have pages of their own.
constexpr size_t kLarge = 2 * kPage;
constexpr size_t kChunk = 4 * kPage;

/// Pages straight from the system: each is first touched by the thread that packs what lies on it.
std::shared_ptr<uint8_t> map_pages(size_t bytes) {
  // One page more, so that a large page can begin inside of it.
  const size_t mapped = round_up(bytes, kPage) + kPage;
  void* memory = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for {} bytes of packed weights", bytes);
  const std::shared_ptr<uint8_t> owner(static_cast<uint8_t*>(memory),
                                       [mapped](uint8_t* pages) { ::munmap(pages, mapped); });
  ::madvise(memory, mapped, MADV_HUGEPAGE);
  const size_t misaligned = reinterpret_cast<uintptr_t>(memory) % kPage;
  return {owner, owner.get() + (misaligned > 0 ? kPage - misaligned : 0)};
}

/// The chunk that small matrices are taken from at present.
struct Chunk {
  std::mutex mutex;
  std::weak_ptr<uint8_t> pages;
  size_t used = 0;
};

Chunk& current_chunk() {
  static Chunk chunk;
  return chunk;
}

}  // namespace

std::shared_ptr<uint8_t> allocate_weights(size_t bytes) {
  if (bytes >= kLarge) return map_pages(bytes);
  Chunk& chunk = current_chunk();
  const std::lock_guard lock(chunk.mutex);
  std::shared_ptr<uint8_t> pages = chunk.pages.lock();
  if (!pages || chunk.used + bytes > kChunk) {
    pages = map_pages(kChunk);
    chunk.pages = pages;
    chunk.used = 0;
  }
  std::shared_ptr<uint8_t> out(pages, pages.get() + chunk.used);
  chunk.used += round_up(bytes, 64);
  return out;
}

}  // namespace mica::cpu
