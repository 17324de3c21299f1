#include "mica/ops/block_matmul.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>
#include <vector>

#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/gemm.h"
#include "mica/cpu/gemm_dtype.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

/// A product's result, [rows, cols], in the type that gemm sums in, to be stored in the output's type.
class Sums {
 public:
  Sums(const array& out, int64_t count)
      : dtype_(out.dtype()), memory_(static_cast<size_t>(count) * (out.dtype() == float64 ? 8 : 4)) {}

  void* data() { return memory_.data(); }

  void store(int64_t from, std::byte* to, int64_t count) const {
    const auto& convert = elementwise_kernels();
    const auto* sums = reinterpret_cast<const float*>(memory_.data()) + from;
    if (dtype_ == float16) {
      convert.store_f16(sums, reinterpret_cast<uint16_t*>(to), count);
    } else if (dtype_ == bfloat16) {
      convert.store_bf16(sums, reinterpret_cast<uint16_t*>(to), count);
    } else {
      const int64_t size = dtype_ == float64 ? 8 : 4;
      std::memcpy(to, memory_.data() + from * size, static_cast<size_t>(count * size));
    }
  }

 private:
  Dtype dtype_;
  std::vector<std::byte> memory_;
};

int64_t checked_index(int64_t index, int64_t length) {
  const int64_t at = index < 0 ? index + length : index;
  if (at < 0 || at >= length) {
    fail_as<std::out_of_range>("[gather_mm] index {} is out of range for {} matrices", index, length);
  }
  return at;
}

/// The results that a matrix of b has part in.
std::map<int64_t, std::vector<int64_t>> by_rhs(const array& indices, int64_t count) {
  std::map<int64_t, std::vector<int64_t>> out;
  for (size_t i = 0; i < indices.size(); ++i) {
    out[checked_index(indices.data<int64_t>()[i], count)].push_back(static_cast<int64_t>(i));
  }
  return out;
}

void gather_matmul(const GatherMatmul&, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array a = row_contiguous(inputs[0]);
  // gemm reads either order; transposed weights are not copied.
  const bool transposed = inputs[1].strides(1) == 1 && inputs[1].strides(2) >= inputs[1].shape(1);
  const array b = transposed ? inputs[1] : row_contiguous(inputs[1]);
  const int64_t b_ld = transposed ? b.strides(2) : b.shape(2);
  const array left = row_contiguous(inputs[2]);
  const int64_t m = a.shape(1);
  const int64_t k = a.shape(2);
  const int64_t n = b.shape(2);
  const auto size = static_cast<int64_t>(out.itemsize());
  // All rows that meet one matrix of b form one product.
  for (const auto& [matrix, places] : by_rhs(row_contiguous(inputs[3]), b.shape(0))) {
    const auto count = static_cast<int64_t>(places.size());
    std::vector<std::byte> rows(static_cast<size_t>(count * m * k * size));
    for (int64_t i = 0; i < count && k > 0; ++i) {
      const int64_t source = checked_index(left.data<int64_t>()[places[static_cast<size_t>(i)]], a.shape(0));
      std::memcpy(rows.data() + i * m * k * size, a.data<std::byte>() + source * m * k * size,
                  static_cast<size_t>(m * k * size));
    }
    Sums sums(out, count * m * n);
    gemm(gemm_type(out.dtype()), count * m, n, k, {rows.data(), std::max<int64_t>(k, 1), false},
         {b.data<std::byte>() + matrix * b.strides(0) * size, b_ld, transposed}, sums.data(), n, ThreadPool::global());
    for (int64_t i = 0; i < count; ++i) {
      sums.store(i * m * n, out.data<std::byte>() + places[static_cast<size_t>(i)] * m * n * size, m * n);
    }
  }
}

void segmented_matmul(const SegmentedMatmul&, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  // gemm reads either order; a transposed view of rows is what gradients pass.
  const bool transposed = inputs[0].strides(0) == 1 && inputs[0].strides(1) >= inputs[0].shape(0);
  const array a = transposed ? inputs[0] : row_contiguous(inputs[0]);
  const array b = row_contiguous(inputs[1]);
  const array segments = row_contiguous(inputs[2]);
  const int64_t m = a.shape(0);
  const int64_t k = a.shape(1);
  const int64_t n = b.shape(1);
  const auto size = static_cast<int64_t>(out.itemsize());
  const int64_t a_step = transposed ? a.strides(1) : 1;
  const int64_t a_ld = transposed ? a.strides(1) : std::max<int64_t>(k, 1);
  for (int64_t i = 0; i < static_cast<int64_t>(segments.size()) / 2; ++i) {
    const int64_t begin = std::clamp<int64_t>(segments.data<int64_t>()[2 * i], 0, k);
    const int64_t end = std::clamp<int64_t>(segments.data<int64_t>()[2 * i + 1], begin, k);
    Sums sums(out, m * n);
    gemm(gemm_type(out.dtype()), m, n, end - begin, {a.data<std::byte>() + begin * a_step * size, a_ld, transposed},
         {b.data<std::byte>() + begin * n * size, n, false}, sums.data(), n, ThreadPool::global());
    sums.store(0, out.data<std::byte>() + i * m * n * size, m * n);
  }
}

}  // namespace

void register_block_matmul(Backend& backend) {
  backend.add<GatherMatmul, gather_matmul>();
  backend.add<SegmentedMatmul, segmented_matmul>();
}

}  // namespace mica::cpu
