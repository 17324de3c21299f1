// Writing to caches of keys and values.
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/block_types.h"
#include "mica/cpu/copy.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/ops/fast.h"

namespace mica::cpu {
namespace {

/// `count` elements of one dtype as those of another.
void convert_row(const std::byte* from, Dtype from_dtype, int64_t stride, std::byte* to, Dtype to_dtype,
                 int64_t count) {
  Block loaded;
  Block stored;
  for (int64_t i = 0; i < count; i += kBlock) {
    const int64_t n = std::min(kBlock, count - i);
    const void* x =
        load_block(from + i * stride * static_cast<int64_t>(size_of(from_dtype)), from_dtype, stride, n, loaded);
    std::byte* target = to + i * static_cast<int64_t>(size_of(to_dtype));
    void* y = block_target(target, to_dtype, stored);
    convert_block(x, compute_type(from_dtype), y, compute_type(to_dtype), n);
    if (y == stored.bytes) store_block(y, target, to_dtype, n);
  }
}

void put_rows(const PutRows&, std::span<array> inputs, std::span<array> outputs) {
  array& buffer = inputs[0];
  const array& rows = inputs[1];
  const array starts = row_contiguous(inputs[2]);
  array& out = outputs[0];
  donate_or_allocate(buffer, out);
  if (out.data_shared_ptr() != buffer.data_shared_ptr()) {
    copy_elements(buffer, buffer.shape(), out.data<std::byte>(), out.strides());
  }
  const int64_t heads = rows.shape(1);
  const int64_t count = rows.shape(2);
  const int64_t width = rows.shape(3);
  const int64_t capacity = out.shape(2);
  for (int64_t b = 0; b < rows.shape(0); ++b) {
    const int64_t start = starts.data<int32_t>()[b];
    if (start < 0 || start + count > capacity) {
      fail_as<std::out_of_range>("[put_rows] {} rows from place {} on do not fit a buffer of {}", count, start,
                                 capacity);
    }
  }
  // A row is a few hundred bytes: a thread takes a few hundred of them.
  ThreadPool::global().parallel_for(rows.shape(0) * heads * count, 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / (heads * count);
      const int64_t head = i / count % heads;
      const int64_t row = i % count;
      const int64_t from = b * rows.strides(0) + head * rows.strides(1) + row * rows.strides(2);
      const int64_t to = ((b * heads + head) * capacity + starts.data<int32_t>()[b] + row) * width;
      convert_row(rows.data<std::byte>() + from * static_cast<int64_t>(rows.itemsize()), rows.dtype(), rows.strides(3),
                  out.data<std::byte>() + to * static_cast<int64_t>(out.itemsize()), out.dtype(), width);
    }
  });
}

}  // namespace

void register_kv_cache(Backend& backend) {
  backend.add<PutRows, put_rows>();
}

}  // namespace mica::cpu
