#include "mica/cpu/weight_memory.h"

#include <map>
#include <mutex>

#include "mica/base/error.h"
#include "mica/base/large_pages.h"
#include "mica/base/round_up.h"

namespace mica::cpu {
namespace {

/// Matrices from this size on have pages of their own.
constexpr size_t kLarge = 2 * kLargePage;
constexpr size_t kChunk = 4 * kLargePage;

std::shared_ptr<uint8_t> map_pages(size_t bytes) {
  void* memory = map_large_pages(bytes);
  if (!memory) fail("no memory for {} bytes of packed weights", bytes);
  return {static_cast<uint8_t*>(memory), [bytes](uint8_t* pages) { unmap_large_pages(pages, bytes); }};
}

/// The memory that small matrices of a node are taken from at present.
struct Chunk {
  std::weak_ptr<uint8_t> pages;
  size_t used = 0;
};

struct Chunks {
  std::mutex mutex;
  std::map<int, Chunk> of_node;
};

Chunks& current_chunks() {
  static Chunks chunks;
  return chunks;
}

}  // namespace

std::shared_ptr<uint8_t> allocate_weights(size_t bytes, int node) {
  if (bytes >= kLarge) return map_pages(bytes);
  Chunks& chunks = current_chunks();
  const std::lock_guard lock(chunks.mutex);
  Chunk& chunk = chunks.of_node[node];
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
