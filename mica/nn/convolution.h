#pragma once

#include <array>

#include "mica/nn/member.h"

namespace mica::nn {

/// A length for each of N spatial axes; one number stands for all.
template <size_t N>
struct Extent {
  Extent(int all) { lengths.fill(all); }              // NOLINT(google-explicit-constructor)
  Extent(std::array<int, N> each) : lengths(each) {}  // NOLINT(google-explicit-constructor)
  Extent(int first, int second)
    requires(N == 2)
      : lengths{first, second} {}
  Extent(int first, int second, int third)
    requires(N == 3)
      : lengths{first, second, third} {}
  int operator[](size_t i) const { return lengths[i]; }

  std::array<int, N> lengths;
};

/// Options of convolutions, one number for each spatial axis or one for all.
template <size_t N>
struct ConvOptions {
  Extent<N> stride = 1;
  Extent<N> padding = 0;
  Extent<N> dilation = 1;
  int groups = 1;
  bool bias = true;
};

/// Convolution over the axes between batch and channels. Conv1d: x [B, L, C_in] → [B, L', C_out]; Conv2d: x [B, H, W,
/// C_in]; Conv3d: x [B, D, H, W, C_in]. Parameters: weight [C_out, kernel…, C_in / groups], uniform in ±1/√(C_in /
/// groups · kernel size) at first, and bias [C_out], zero at first. Channels that the groups do not divide throw
/// std::invalid_argument.
template <size_t N>
struct Conv : UnaryModule {
  Conv(int in_channels, int out_channels, const Extent<N>& kernel_size, const ConvOptions<N>& options = {});
  array operator()(const array& x) const override;

  ConvOptions<N> options;
  Parameter weight;
  Parameter bias;
};
/// Convolution over one, two and three spatial axes.
using Conv1d = Conv<1>;
using Conv2d = Conv<2>;
using Conv3d = Conv<3>;

/// Options of transposed convolutions.
template <size_t N>
struct ConvTransposeOptions {
  Extent<N> stride = 1;
  Extent<N> padding = 0;
  Extent<N> dilation = 1;
  Extent<N> output_padding = 0;
  bool bias = true;
};

/// Transposed convolution: the gradient of a convolution, which spreads its input. Shapes and parameters as Conv's;
/// `output_padding` adds places at the end of each axis.
template <size_t N>
struct ConvTranspose : UnaryModule {
  ConvTranspose(int in_channels, int out_channels, const Extent<N>& kernel_size,
                const ConvTransposeOptions<N>& options = {});
  array operator()(const array& x) const override;

  ConvTransposeOptions<N> options;
  Parameter weight;
  Parameter bias;
};
/// Transposed convolution over one, two and three spatial axes.
using ConvTranspose1d = ConvTranspose<1>;
using ConvTranspose2d = ConvTranspose<2>;
using ConvTranspose3d = ConvTranspose<3>;

}  // namespace mica::nn
