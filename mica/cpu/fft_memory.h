#pragma once

#include <cstdint>
#include <memory>
#include <new>

namespace mica::cpu {

/// Memory for numbers that are about to be written, beginning on a cache line.
class FourierMemory {
 public:
  explicit FourierMemory(int64_t numbers)
      : memory_(static_cast<float*>(::operator new(static_cast<size_t>(numbers) * sizeof(float), kCacheLine))) {}

  float* get() const { return memory_.get(); }

 private:
  static constexpr std::align_val_t kCacheLine{64};
  struct Free {
    void operator()(float* memory) const { ::operator delete(memory, kCacheLine); }
  };
  std::unique_ptr<float, Free> memory_;
};

}  // namespace mica::cpu
