#include "mica/ops/matmul.h"

#include <cstring>

#include "mica/base/thread_pool.h"
#include "mica/cpu/gemm.h"
#include "mica/cpu/gemm_dtype.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/cpu/strided.h"

namespace mica::cpu {
namespace {

/// The matrix as gemm reads it, in place where one of its two axes is contiguous, else brought into C order.
struct Operand {
  array matrix;
  GemmInput input;

  explicit Operand(const array& source) : matrix(source) {
    if (!fits()) matrix = row_contiguous(source);
    const bool transposed = matrix.shape(-1) != 1 && matrix.strides(-1) != 1;
    input = {nullptr, std::max<int64_t>(matrix.strides(transposed ? -1 : -2), 1), transposed};
  }

 private:
  bool fits() const {
    const auto usable = [&](int contiguous, int other) {
      const bool unit = matrix.strides(contiguous) == 1 || matrix.shape(contiguous) == 1;
      return unit && (matrix.shape(other) == 1 || matrix.strides(other) >= matrix.shape(contiguous));
    };
    return usable(-1, -2) || (matrix.strides(-2) == 1 && usable(-2, -1));
  }
};

/// Complex matrices: no model needs them fast.
void complex_product(const array& a, const array& b, array& out, int64_t a_at, int64_t b_at, int64_t out_at) {
  const complex64_t* x = a.data<complex64_t>() + a_at;
  const complex64_t* y = b.data<complex64_t>() + b_at;
  complex64_t* z = out.data<complex64_t>() + out_at;
  const int64_t n = out.shape(-1);
  for (int64_t i = 0; i < out.shape(-2); ++i) {
    for (int64_t j = 0; j < n; ++j) {
      std::complex<double> sum = 0;
      for (int64_t k = 0; k < a.shape(-1); ++k) {
        sum += std::complex<double>(x[i * a.strides(-2) + k * a.strides(-1)]) *
               std::complex<double>(y[k * b.strides(-2) + j * b.strides(-1)]);
      }
      z[i * n + j] = complex64_t(sum);
    }
  }
}

void matmul(const Matmul&, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  if (inputs[0].size() == 0) {
    std::memset(out.data<std::byte>(), 0, out.nbytes());
    return;
  }
  const Operand a(inputs[0]);
  const Operand b(inputs[1]);
  const int64_t m = out.shape(-2);
  const int64_t n = out.shape(-1);
  const int64_t k = inputs[0].shape(-1);
  const bool half = out.dtype() == float16 || out.dtype() == bfloat16;
  const auto bytes = static_cast<int64_t>(out.itemsize());
  const auto batch = [&](const auto& of) { return std::decay_t<decltype(of)>(of.begin(), of.end() - 2); };
  const StridedLoop<2> loop(batch(out.shape()), {batch(a.matrix.strides()), batch(b.matrix.strides())});
  loop.run(0, loop.size(), [&](const std::array<int64_t, 2>& offsets, int64_t count, int64_t position) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t a_at = offsets[0] + i * loop.strides[0].back();
      const int64_t b_at = offsets[1] + i * loop.strides[1].back();
      const int64_t out_at = (position + i) * m * n;
      if (out.dtype() == complex64) {
        complex_product(a.matrix, b.matrix, out, a_at, b_at, out_at);
        continue;
      }
      GemmInput x = a.input;
      GemmInput y = b.input;
      x.data = a.matrix.data<std::byte>() + a_at * bytes;
      y.data = b.matrix.data<std::byte>() + b_at * bytes;
      const GemmType type = gemm_type(out.dtype());
      std::byte* target = out.data<std::byte>() + out_at * bytes;
      half ? gemm_rounded(type, m, n, k, x, y, reinterpret_cast<uint16_t*>(target), n, ThreadPool::global())
           : gemm(type, m, n, k, x, y, target, n, ThreadPool::global());
    }
  });
}

}  // namespace

void register_matmul(Backend& backend) {
  backend.add<Matmul, matmul>();
}

}  // namespace mica::cpu
