#include "mica/ops/hadamard.h"

#include <vector>

#include "mica/base/thread_pool.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

/// Butterflies in place, from neighbours to halves.
template <typename T>
void transform(T* x, int64_t length) {
  for (int64_t half = 1; half < length; half *= 2) {
    for (int64_t block = 0; block < length; block += 2 * half) {
      T* low = x + block;
      T* high = low + half;
      for (int64_t i = 0; i < half; ++i) {
        const T a = low[i];
        const T b = high[i];
        low[i] = a + b;
        high[i] = a - b;
      }
    }
  }
}

void hadamard(const Hadamard& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array x = row_contiguous(inputs[0]);
  const int64_t length = x.shape(-1);
  const int64_t rows = static_cast<int64_t>(x.size()) / length;
  dispatch(x.dtype(), [&]<typename T>(T) {
    if constexpr (std::is_integral_v<T> || std::is_same_v<T, complex64_t>) {
      return;  // infer() lets floating types through only
    } else {
      using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;
      ThreadPool::global().parallel_for(rows, std::max<int64_t>(1, 4096 / length), [&](int64_t begin, int64_t end) {
        std::vector<Sum> row(static_cast<size_t>(length));
        for (int64_t i = begin; i < end; ++i) {
          const T* from = x.data<T>() + i * length;
          T* to = out.data<T>() + i * length;
          for (int64_t j = 0; j < length; ++j) row[static_cast<size_t>(j)] = static_cast<Sum>(from[j]);
          transform(row.data(), length);
          for (int64_t j = 0; j < length; ++j) {
            to[j] = static_cast<T>(row[static_cast<size_t>(j)] * static_cast<Sum>(primitive.scale));
          }
        }
      });
    }
  });
}

}  // namespace

void register_hadamard(Backend& backend) {
  backend.add<Hadamard, hadamard>();
}

}  // namespace mica::cpu
