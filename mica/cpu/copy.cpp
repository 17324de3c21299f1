#include "mica/cpu/copy.h"

#include <algorithm>
#include <cstring>

#include "mica/base/thread_pool.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/strided.h"

namespace mica::cpu {
namespace {

/// About 64 KiB: copying that takes as long as waking a thread.
constexpr int64_t kGrainBytes = 64 << 10;

template <typename T>
void copy_row(const std::byte* source, int64_t source_stride, std::byte* target, int64_t target_stride, int64_t count) {
  const T* from = reinterpret_cast<const T*>(source);
  T* to = reinterpret_cast<T*>(target);
  if (source_stride == 0 && target_stride == 1) {
    std::fill_n(to, count, *from);
    return;
  }
  for (int64_t i = 0; i < count; ++i) to[i * target_stride] = from[i * source_stride];
}

}  // namespace

void copy_elements(const std::byte* source, const Strides& source_strides, std::byte* target,
                   const Strides& target_strides, const Shape& shape, size_t itemsize) {
  const StridedLoop<2> loop(shape, {source_strides, target_strides});
  const auto bytes = static_cast<int64_t>(itemsize);
  const int64_t from_stride = loop.strides[0].back();
  const int64_t to_stride = loop.strides[1].back();
  ThreadPool::global().parallel_for(loop.size(), kGrainBytes / bytes, [&](int64_t begin, int64_t end) {
    loop.run(begin, end, [&](const std::array<int64_t, 2>& offsets, int64_t count, int64_t) {
      const std::byte* from = source + offsets[0] * bytes;
      std::byte* to = target + offsets[1] * bytes;
      if (from_stride == 1 && to_stride == 1) {
        std::memcpy(to, from, static_cast<size_t>(count * bytes));
      } else if (bytes == 1) {
        copy_row<uint8_t>(from, from_stride, to, to_stride, count);
      } else if (bytes == 2) {
        copy_row<uint16_t>(from, from_stride, to, to_stride, count);
      } else if (bytes == 4) {
        copy_row<uint32_t>(from, from_stride, to, to_stride, count);
      } else {
        copy_row<uint64_t>(from, from_stride, to, to_stride, count);
      }
    });
  });
}

void copy_elements(const array& source, const Shape& shape, std::byte* target, const Strides& target_strides) {
  if (source.size() == 0) return;
  copy_elements(source.data<std::byte>(), source.strides(), target, target_strides, shape, source.itemsize());
}

void start_from(array& source, array& out) {
  donate_or_allocate(source, out);
  if (out.data_shared_ptr() != source.data_shared_ptr()) {
    copy_elements(source, source.shape(), out.data<std::byte>(), out.strides());
  }
}

}  // namespace mica::cpu
