#include "mica/nn/pooling.h"

#include "mica/nn/weak_scalar.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

/// Windows that do not overlap and leave nothing over: x [B, n₁k₁ …, C] → [B, n₁ …, k₁ …, C].
template <size_t N>
array adjacent_windows(const array& x, const Extent<N>& kernel) {
  Shape shape{x.shape(0)};
  std::vector<int> order{0};
  for (size_t i = 0; i < N; ++i) {
    shape.push_back(x.shape(static_cast<int>(i) + 1) / kernel[i]);
    shape.push_back(kernel[i]);
    order.push_back(static_cast<int>(2 * i) + 1);
  }
  shape.push_back(x.shape(-1));
  for (size_t i = 0; i < N; ++i) order.push_back(static_cast<int>(2 * i) + 2);
  order.push_back(static_cast<int>(2 * N) + 1);
  return transpose(reshape(x, shape), order);
}

/// Any windows, as a view: x [B, L₁ …, C] → [B, n₁ …, k₁ …, C].
template <size_t N>
array sliding_windows(const array& x, const Extent<N>& kernel, const Extent<N>& stride) {
  const Strides steps = row_contiguous_strides(x.shape());
  Shape shape{x.shape(0)};
  Strides strides{steps[0]};
  for (size_t i = 0; i < N; ++i) {
    shape.push_back((x.shape(static_cast<int>(i) + 1) - kernel[i]) / stride[i] + 1);
    strides.push_back(steps[i + 1] * stride[i]);
  }
  for (size_t i = 0; i < N; ++i) {
    shape.push_back(kernel[i]);
    strides.push_back(steps[i + 1]);
  }
  shape.push_back(x.shape(-1));
  strides.push_back(1);
  return as_strided(x, shape, strides, 0);
}

}  // namespace

template <size_t N, bool Max>
Pool<N, Max>::Pool(const Extent<N>& kernel, const PoolOptions<N>& options)
    : kernel_size(kernel), stride(options.stride), padding(options.padding) {
  for (size_t i = 0; i < N; ++i) {
    if (stride[i] == PoolOptions<N>::kKernelSize) stride.lengths[i] = kernel_size[i];
    if (kernel_size[i] <= 0 || stride[i] <= 0 || padding[i] < 0) {
      fail_as<std::invalid_argument>(
          "[{}Pool{}d] kernel size {} and stride {} must be positive, padding {} not negative", Max ? "Max" : "Avg", N,
          kernel_size[i], stride[i], padding[i]);
    }
  }
}

template <size_t N, bool Max>
array Pool<N, Max>::operator()(const array& x) const {
  if (x.ndim() != N + 2) {
    fail_as<std::invalid_argument>("[{}Pool{}d] the input has {} axes, wanted are {}", Max ? "Max" : "Avg", N, x.ndim(),
                                   N + 2);
  }
  array padded = x;
  std::vector<std::pair<int, int>> widths{{0, 0}};
  std::vector<int> window_axes;
  bool any_padding = false;
  for (size_t i = 0; i < N; ++i) {
    widths.emplace_back(padding[i], padding[i]);
    window_axes.push_back(static_cast<int>(i) - static_cast<int>(N) - 1);
    any_padding = any_padding || padding[i] > 0;
  }
  widths.emplace_back(0, 0);
  if (any_padding) padded = pad(x, widths, Weak(Max ? -std::numeric_limits<double>::infinity() : 0.0).like(x));
  bool adjacent = true;
  for (size_t i = 0; i < N; ++i) {
    const ShapeElem length = padded.shape(static_cast<int>(i) + 1);
    if (length < kernel_size[i]) {
      fail_as<std::invalid_argument>("[{}Pool{}d] a window of {} does not fit into {}", Max ? "Max" : "Avg", N,
                                     kernel_size[i], to_string(padded.shape()));
    }
    adjacent = adjacent && kernel_size[i] == stride[i] && length % kernel_size[i] == 0;
  }
  const array windows = adjacent ? adjacent_windows(padded, kernel_size) : sliding_windows(padded, kernel_size, stride);
  return Max ? max(windows, window_axes) : mean(windows, window_axes);
}

template struct Pool<1, true>;
template struct Pool<2, true>;
template struct Pool<3, true>;
template struct Pool<1, false>;
template struct Pool<2, false>;
template struct Pool<3, false>;

}  // namespace mica::nn
