#include "mica/ops/elementwise.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/block_types.h"
#include "mica/cpu/elementwise_generic.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"
#include "mica/cpu/strided.h"
#include "mica/ops/create.h"

namespace mica::cpu {
namespace {

/// A thread takes at least this many elements: less is done before another thread has woken up.
constexpr int64_t kGrain = 16 * kBlock;

std::byte* address(const array& a, int64_t element) {
  return const_cast<std::byte*>(a.data<std::byte>()) + element * static_cast<int64_t>(a.itemsize());
}

/// Runs compute(blocks of the inputs in their compute type, block of the output, count) over all elements.
/// `streamed`: results of compute pass the caches by.
template <size_t N, typename Compute>
void for_blocks(const std::array<const array*, N>& inputs, array& out, Compute compute, bool streamed = false) {
  std::array<Strides, N + 1> strides;
  for (size_t j = 0; j < N; ++j) strides[j] = inputs[j]->strides();
  strides[N] = out.strides();
  const StridedLoop<N + 1> loop(out.shape(), strides);
  // What is read and written where it is needs no blocks.
  bool in_place = in_compute_form(out.dtype());
  for (size_t j = 0; j < N; ++j) {
    in_place = in_place && loop.strides[j].back() == 1 && in_compute_form(inputs[j]->dtype());
  }
  const int64_t limit = in_place ? std::numeric_limits<int64_t>::max() : kBlock;
  ThreadPool::global().parallel_for(static_cast<int64_t>(out.size()), kGrain, [&](int64_t begin, int64_t end) {
    std::array<Block, N + 1> scratch;
    loop.run(begin, end, [&](const std::array<int64_t, N + 1>& offsets, int64_t count, int64_t) {
      for (int64_t done = 0, n = 0; done < count; done += n) {
        n = std::min(count - done, limit);
        std::array<const void*, N> x;
        for (size_t j = 0; j < N; ++j) {
          const int64_t stride = loop.strides[j].back();
          x[j] = load_block(address(*inputs[j], offsets[j] + done * stride), inputs[j]->dtype(), stride, n, scratch[j]);
        }
        // The output is in C order: its innermost stride is 1.
        std::byte* target = address(out, offsets[N] + done);
        void* y = block_target(target, out.dtype(), scratch[N]);
        compute(x, y, n);
        store_block(y, target, out.dtype(), n);
      }
    });
    if (streamed) elementwise_kernels().end_stream();
  });
}

template <typename P>
[[noreturn]] void fail_undefined(const P& primitive, Dtype dtype) {
  fail_as<std::invalid_argument>("[{}] not defined for {}", primitive.name(), dtype_name(dtype));
}

void unary(const Unary& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& x = inputs[0];
  const ComputeType type = compute_type(x.dtype());
  const ElementwiseKernels& kernels = elementwise_kernels();
  const auto op = static_cast<size_t>(primitive.op);
  auto fast = type == ComputeType::f32 ? kernels.unary[op] : nullptr;
  const UnaryLoop generic = fast ? nullptr : generic_unary(primitive.op, type);
  if (!fast && !generic) fail_undefined(primitive, x.dtype());
  donate_or_allocate(x, outputs[0]);
  const bool streamed = fast && is_streamed(outputs[0], inputs);
  if (streamed) fast = kernels.streamed_unary[op];
  const auto compute = [&](const std::array<const void*, 1>& in, void* y, int64_t n) {
    if (fast) {
      fast(static_cast<const float*>(in[0]), static_cast<float*>(y), n);
    } else {
      generic(in[0], y, n);
    }
  };
  for_blocks<1>({&x}, outputs[0], compute, streamed);
}

void binary(const Binary& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& a = inputs[0];
  array& b = inputs[1];
  const ComputeType type = compute_type(a.dtype());
  const ElementwiseKernels& kernels = elementwise_kernels();
  const auto op = static_cast<size_t>(primitive.op);
  auto fast = type == ComputeType::f32 ? kernels.binary[op] : nullptr;
  const BinaryLoop generic = fast ? nullptr : generic_binary(primitive.op, type);
  if (!fast && !generic) fail_undefined(primitive, a.dtype());
  donate_or_allocate(a.is_donatable() && a.flags().row_contiguous ? a : b, outputs[0]);
  const bool streamed = fast && is_streamed(outputs[0], inputs);
  if (streamed) fast = kernels.streamed_binary[op];
  const auto compute = [&](const std::array<const void*, 2>& in, void* y, int64_t n) {
    if (fast) {
      fast(static_cast<const float*>(in[0]), static_cast<const float*>(in[1]), static_cast<float*>(y), n);
    } else {
      generic(in[0], in[1], y, n);
    }
  };
  for_blocks<2>({&a, &b}, outputs[0], compute, streamed);
}

void select(const Select&, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  const size_t width = compute_size(compute_type(out.dtype()));
  allocate(out);
  for_blocks<3>({&inputs[0], &inputs[1], &inputs[2]}, out,
                [&](const std::array<const void*, 3>& in, void* y, int64_t n) {
                  const bool* condition = static_cast<const bool*>(in[0]);
                  const auto pick = [&]<typename T>(T) {
                    for (int64_t i = 0; i < n; ++i) {
                      static_cast<T*>(y)[i] = static_cast<const T*>(condition[i] ? in[1] : in[2])[i];
                    }
                  };
                  if (width == 1) {
                    pick(uint8_t{});
                  } else if (width == 4) {
                    pick(uint32_t{});
                  } else {
                    pick(uint64_t{});
                  }
                });
}

void astype(const AsType&, std::span<array> inputs, std::span<array> outputs) {
  const array& x = inputs[0];
  array& out = outputs[0];
  const ComputeType from = compute_type(x.dtype());
  const ComputeType to = compute_type(out.dtype());
  allocate(out);
  for_blocks<1>({&x}, out, [&](const std::array<const void*, 1>& in, void* y, int64_t n) {
    if (from == to) {
      std::memcpy(y, in[0], static_cast<size_t>(n) * compute_size(to));
    } else {
      convert_block(in[0], from, y, to, n);
    }
  });
}

void complex_part(const ComplexPart& primitive, std::span<array> inputs, std::span<array> outputs) {
  allocate(outputs[0]);
  for_blocks<1>({&inputs[0]}, outputs[0], [&](const std::array<const void*, 1>& in, void* y, int64_t n) {
    const float* parts = static_cast<const float*>(in[0]) + primitive.part;
    for (int64_t i = 0; i < n; ++i) static_cast<float*>(y)[i] = parts[2 * i];
  });
}

void arange(const Arange& primitive, std::span<array>, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  dispatch(out.dtype(), [&]<typename T>(T) {
    T* to = out.data<T>();
    for (int64_t i = 0; i < primitive.count; ++i) {
      const double value = primitive.start + static_cast<double>(i) * primitive.step;
      if constexpr (std::is_integral_v<T>) {
        to[i] = static_cast<T>(static_cast<int64_t>(value));
      } else {
        to[i] = static_cast<T>(static_cast<float>(value));
        if constexpr (std::is_same_v<T, double>) to[i] = value;
      }
    }
  });
}

}  // namespace

void register_elementwise(Backend& backend) {
  backend.add<Unary, unary>();
  backend.add<Binary, binary>();
  backend.add<Select, select>();
  backend.add<AsType, astype>();
  backend.add<ComplexPart, complex_part>();
  backend.add<Arange, arange>();
}

}  // namespace mica::cpu
