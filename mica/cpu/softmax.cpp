#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "mica/base/thread_pool.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/ops/reduce.h"

namespace mica::cpu {
namespace {

constexpr int64_t kGrain = 8192;

void softmax_row(const double* x, double* out, int64_t count) {
  double most = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < count; ++i) most = std::max(most, x[i]);
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += out[i] = std::exp(x[i] - most);
  for (int64_t i = 0; i < count; ++i) out[i] /= total;
}

void softmax(const Softmax&, std::span<array> inputs, std::span<array> outputs) {
  inputs[0] = row_contiguous(inputs[0]);
  array& x = inputs[0];
  array& out = outputs[0];
  donate_or_allocate(x, out);
  if (out.size() == 0) return;
  const int64_t count = x.shape(-1);
  const auto bytes = static_cast<int64_t>(x.itemsize());
  ThreadPool::global().parallel_for(
      static_cast<int64_t>(x.size()) / count, std::max<int64_t>(1, kGrain / count), [&](int64_t begin, int64_t end) {
        std::vector<float> row(x.dtype() == float16 || x.dtype() == bfloat16 ? static_cast<size_t>(count) : 0);
        for (int64_t i = begin; i < end; ++i) {
          const std::byte* from = x.data<std::byte>() + i * count * bytes;
          std::byte* to = out.data<std::byte>() + i * count * bytes;
          if (x.dtype() == float64) {
            softmax_row(reinterpret_cast<const double*>(from), reinterpret_cast<double*>(to), count);
          } else if (row.empty()) {
            row_kernels().softmax(reinterpret_cast<const float*>(from), reinterpret_cast<float*>(to), count);
          } else {
            const auto& convert = elementwise_kernels();
            const bool half = x.dtype() == float16;
            (half ? convert.load_f16 : convert.load_bf16)(reinterpret_cast<const uint16_t*>(from), row.data(), count);
            row_kernels().softmax(row.data(), row.data(), count);
            (half ? convert.store_f16 : convert.store_bf16)(row.data(), reinterpret_cast<uint16_t*>(to), count);
          }
        }
      });
}

}  // namespace

void register_softmax(Backend& backend) {
  backend.add<Softmax, softmax>();
}

}  // namespace mica::cpu
