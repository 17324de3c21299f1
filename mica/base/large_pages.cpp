#include "mica/base/large_pages.h"

#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

#include "mica/base/round_up.h"

namespace mica {
namespace {

size_t round_to_pages(size_t bytes) {
  static const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return round_up(bytes, page);
}

/// Addresses of `front` + `length` bytes, whole pages, of which the latter begin on a large page: those.
std::byte* map_aligned(size_t front, size_t length, int protection) {
  // One large page more, so that there is one to begin on; what is too much goes back.
  const size_t mapped = front + length + kLargePage;
  void* memory = ::mmap(nullptr, mapped, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* first = static_cast<std::byte*>(memory);
  const auto address = reinterpret_cast<uintptr_t>(memory) + front;
  std::byte* begin = first + front + (round_up(address, kLargePage) - address);
  if (begin - front > first) ::munmap(first, static_cast<size_t>(begin - front - first));
  if (first + mapped > begin + length) ::munmap(begin + length, static_cast<size_t>(first + mapped - begin) - length);
  return begin;
}

}  // namespace

void* map_large_pages(size_t bytes, size_t before) {
  if (bytes > SIZE_MAX / 2) return nullptr;
  const size_t length = round_to_pages(bytes);
  std::byte* memory = map_aligned(round_to_pages(before), length, PROT_READ | PROT_WRITE);
  if (memory) ::madvise(memory, length, MADV_HUGEPAGE);
  return memory;
}

void* reserve_large_pages(size_t bytes) {
  return bytes > SIZE_MAX / 2 ? nullptr : map_aligned(0, round_to_pages(bytes), PROT_NONE);
}

void unmap_large_pages(void* memory, size_t bytes, size_t before) {
  const size_t front = round_to_pages(before);
  ::munmap(static_cast<std::byte*>(memory) - front, front + round_to_pages(bytes));
}

}  // namespace mica
