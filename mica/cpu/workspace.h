#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

namespace mica::cpu {

/// Memory for numbers that are about to be written, beginning on a cache line: unlike a vector's it is not cleared.
template <typename T>
  requires std::is_trivially_copyable_v<T>
class Workspace {
 public:
  Workspace() = default;
  explicit Workspace(int64_t count) { reserve(count); }

  /// Makes room for at least so many; what was there is lost. Grows and never shrinks.
  void reserve(int64_t count) {
    if (count <= size_) return;
    memory_.reset();  // before the new memory, which may be the same
    size_ = 0;
    memory_.reset(static_cast<T*>(::operator new(static_cast<size_t>(count) * sizeof(T), kCacheLine)));
    size_ = count;
  }

  T* data() const { return memory_.get(); }
  int64_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kCacheLine{64};
  struct Free {
    void operator()(T* memory) const { ::operator delete(memory, kCacheLine); }
  };
  std::unique_ptr<T, Free> memory_;
  int64_t size_ = 0;
};

}  // namespace mica::cpu
