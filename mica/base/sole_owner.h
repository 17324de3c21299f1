#pragma once

#include <atomic>
#include <memory>

namespace mica {

/// Whether the pointer is the object's only owner, so that it may change the object: what other owners did with it
/// before they let go has happened by then. (std::shared_ptr::use_count() alone tells the number and orders nothing.)
template <typename T>
bool is_sole_owner(const std::shared_ptr<T>& pointer) {
  if (pointer.use_count() != 1) return false;
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer does not understand fences; counting up and down it does.
  const std::shared_ptr<T> counted = pointer;
#else
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
  return true;
}

}  // namespace mica
