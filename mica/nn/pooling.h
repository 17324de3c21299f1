#pragma once

#include <limits>

#include "mica/nn/convolution.h"
#include "mica/nn/member.h"

namespace mica::nn {

/// Options of pooling layers.
template <size_t N>
struct PoolOptions {
  static constexpr int kKernelSize = std::numeric_limits<int>::min();
  Extent<N> stride = kKernelSize;
  Extent<N> padding = 0;
};

/// The largest value, or the mean, of windows over the axes between batch and channels: x [B, L, C], [B, H, W, C] or
/// [B, D, H, W, C]. The stride is the kernel's size unless given; the padding (negative infinity, or zeros that count
/// in the mean) is added on both sides. Sizes that are not positive, negative padding and inputs with another number of
/// axes throw std::invalid_argument.
template <size_t N, bool Max>
struct Pool : UnaryModule {
  explicit Pool(const Extent<N>& kernel_size, const PoolOptions<N>& options = {});
  array operator()(const array& x) const override;

  Extent<N> kernel_size;
  Extent<N> stride;
  Extent<N> padding;
};
/// Pooling over one, two and three spatial axes.
using MaxPool1d = Pool<1, true>;
using MaxPool2d = Pool<2, true>;
using MaxPool3d = Pool<3, true>;
using AvgPool1d = Pool<1, false>;
using AvgPool2d = Pool<2, false>;
using AvgPool3d = Pool<3, false>;

}  // namespace mica::nn
