#include "mica/ops/conv.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "mica/base/thread_pool.h"
#include "mica/cpu/conv_depthwise.h"
#include "mica/cpu/conv_direct.h"
#include "mica/cpu/conv_problem.h"
#include "mica/cpu/gemm.h"
#include "mica/cpu/gemm_dtype.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

/// Bytes of the matrix of input patches that is made at a time: it stays in the caches of the cores.
constexpr int64_t kPatchBytes = int64_t{4} << 20;

/// Copies the patch of one output position in a group's channels: [taps, channels of the group].
void gather_patch(const Problem& p, const std::byte* x, int64_t group, int64_t itemsize, int64_t position,
                  std::byte* patch) {
  const int64_t pixel = p.channels * itemsize;
  const auto part = static_cast<size_t>(p.group_channels() * itemsize);
  const int64_t taps = p.axis[2].taps;
  x += group * static_cast<int64_t>(part);
  p.for_tap_rows(position, [&](int64_t first_tap, int64_t row, const int64_t* places) {
    std::byte* to = patch + first_tap * static_cast<int64_t>(part);
    if (row < 0) {
      std::memset(to, 0, static_cast<size_t>(taps) * part);
      return;
    }
    if (p.axis[2].dense && p.groups == 1 && places[0] >= 0 && places[taps - 1] >= 0) {
      std::memcpy(to, x + (row + places[0]) * pixel, static_cast<size_t>(taps) * part);
      return;
    }
    for (int64_t t = 0; t < taps; ++t, to += part) {
      if (places[t] < 0) {
        std::memset(to, 0, part);
      } else {
        std::memcpy(to, x + (row + places[t]) * pixel, part);
      }
    }
  });
}

/// Rounds float32 results to the output's half type.
void store_halves(const float* from, array& out, int64_t first, int64_t count) {
  const auto& convert = elementwise_kernels();
  (out.dtype() == float16 ? convert.store_f16 : convert.store_bf16)(from, out.data<uint16_t>() + first, count);
}

/// Patches × weights, block by block of output positions.
void by_patches(const Problem& p, const array& x, const array& w, array& out) {
  const auto itemsize = static_cast<int64_t>(x.itemsize());
  const int64_t depth = p.taps() * p.group_channels();
  const int64_t block = std::clamp<int64_t>(kPatchBytes / (depth * itemsize), 64, p.positions());
  std::vector<std::byte> patches(static_cast<size_t>(block * depth * itemsize));
  std::vector<float> sums(is_half(out.dtype()) ? static_cast<size_t>(block * p.filters) : 0);
  const int64_t sum_bytes = out.dtype() == float64 ? 8 : 4;
  ThreadPool& pool = ThreadPool::global();
  const int64_t grain = std::max<int64_t>(1, 16384 / (depth * itemsize));
  for (int64_t first = 0; first < p.positions(); first += block) {
    const int64_t count = std::min(block, p.positions() - first);
    std::byte* target = sums.empty() ? out.data<std::byte>() + first * p.filters * sum_bytes
                                     : reinterpret_cast<std::byte*>(sums.data());
    for (int64_t group = 0; group < p.groups; ++group) {
      pool.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          gather_patch(p, x.data<std::byte>(), group, itemsize, first + i, patches.data() + i * depth * itemsize);
        }
      });
      const std::byte* weights = w.data<std::byte>() + group * p.group_filters() * depth * itemsize;
      gemm(gemm_type(x.dtype()), count, p.group_filters(), depth, {patches.data(), depth, false},
           {weights, depth, true}, target + group * p.group_filters() * sum_bytes, p.filters, pool);
    }
    if (!sums.empty()) store_halves(sums.data(), out, first * p.filters, count * p.filters);
  }
}

/// A convolution with one tap and stride 1 is one matrix product.
bool is_pointwise(const Convolution& primitive, const Problem& p) {
  const bool plain = std::all_of(primitive.axes.begin(), primitive.axes.end(), [](const ConvAxis& axis) {
    return axis.stride == 1 && axis.input_dilation == 1 && axis.padding_lo == 0 && axis.padding_hi == 0;
  });
  return plain && p.taps() == 1;
}

void pointwise(const Problem& p, const array& x, const array& w, array& out) {
  const auto itemsize = static_cast<int64_t>(x.itemsize());
  std::vector<float> sums(is_half(out.dtype()) ? out.size() : 0);
  const int64_t sum_bytes = out.dtype() == float64 ? 8 : 4;
  std::byte* target = sums.empty() ? out.data<std::byte>() : reinterpret_cast<std::byte*>(sums.data());
  for (int64_t group = 0; group < p.groups; ++group) {
    const int64_t depth = p.group_channels();
    gemm(gemm_type(x.dtype()), p.positions(), p.group_filters(), depth,
         {x.data<std::byte>() + group * depth * itemsize, p.channels, false},
         {w.data<std::byte>() + group * p.group_filters() * depth * itemsize, depth, true},
         target + group * p.group_filters() * sum_bytes, p.filters, ThreadPool::global());
  }
  if (!sums.empty()) store_halves(sums.data(), out, 0, static_cast<int64_t>(out.size()));
}

/// Where taps along the last axis lie side by side in memory and tiles of outputs fill up.
bool is_direct(const Convolution& primitive, const Problem& p, const array& out) {
  const bool plain = std::all_of(primitive.axes.begin(), primitive.axes.end(), [](const ConvAxis& axis) {
    return axis.input_dilation == 1 && axis.padding_lo >= 0 && axis.padding_hi >= 0;
  });
  constexpr int64_t kFewFilters = 16;
  constexpr int64_t kShortRow = 6;
  return plain && out.dtype() == float32 && p.groups == 1 && p.axis[2].dense && !primitive.flip &&
         p.filters >= kFewFilters && p.axis[2].output >= kShortRow;
}

void convolution(const Convolution& primitive, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  if (inputs[0].size() == 0 || inputs[1].size() == 0) {
    std::memset(out.data<std::byte>(), 0, out.nbytes());
    return;
  }
  const array x = row_contiguous(inputs[0]);
  const array w = row_contiguous(inputs[1]);
  const Problem problem(primitive, x, w, out);
  if (is_pointwise(primitive, problem)) return pointwise(problem, x, w, out);
  if (is_direct(primitive, problem, out)) {
    return convolve_directly(problem, primitive.axes.back(), x.data<float>(), w.data<float>(), out.data<float>(),
                             ThreadPool::global());
  }
  if (problem.group_channels() > 1 || problem.groups == 1) return by_patches(problem, x, w, out);
  convolve_depthwise(problem, x, w, out, ThreadPool::global());
}

}  // namespace

void register_conv(Backend& backend) {
  backend.add<Convolution, convolution>();
}

}  // namespace mica::cpu
