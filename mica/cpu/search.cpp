#include "mica/ops/search.h"

#include <algorithm>

#include "mica/base/thread_pool.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/ordering.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

void search_sorted(const SearchSorted& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array sequences = row_contiguous(inputs[0]);
  const array values = row_contiguous(inputs[1]);
  const int64_t length = sequences.shape(-1);
  int64_t batch = 1;
  for (size_t i = 0; i + 1 < sequences.ndim(); ++i) batch *= sequences.shape()[i];
  const int64_t each = static_cast<int64_t>(out.size()) / batch;
  dispatch(sequences.dtype(), [&]<typename T>(T) {
    const T* from = values.data<T>();
    uint32_t* to = out.data<uint32_t>();
    ThreadPool::global().parallel_for(static_cast<int64_t>(out.size()), 256, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* first = sequences.data<T>() + i / each * length;
        const T* place = primitive.right ? std::upper_bound(first, first + length, from[i], before<T>)
                                         : std::lower_bound(first, first + length, from[i], before<T>);
        to[i] = static_cast<uint32_t>(place - first);
      }
    });
  });
}

}  // namespace

void register_search(Backend& backend) {
  backend.add<SearchSorted, search_sorted>();
}

}  // namespace mica::cpu
