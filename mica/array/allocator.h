#pragma once

#include <cstddef>

namespace mica::allocator {

/// A block of memory of a device.
class Buffer {
 public:
  explicit Buffer(void* ptr) : ptr_(ptr) {}
  void* ptr() const { return ptr_; }
  void* raw_ptr() const { return ptr_; }

 private:
  void* ptr_;
};

/// A block of at least `size` bytes, aligned to 64; from the blocks kept for reuse where one fits. Throws
/// std::runtime_error when the system has no more. Zero bytes give a null buffer.
Buffer malloc(size_t size);

/// Gives a block back, to be kept for reuse up to the cache limit.
void free(Buffer buffer);

/// The bytes that a block really has.
size_t size(Buffer buffer);

}  // namespace mica::allocator
