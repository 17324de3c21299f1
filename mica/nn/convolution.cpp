#include "mica/nn/convolution.h"

#include <tuple>
#include <utility>

#include "mica/nn/uniform_init.h"
#include "mica/ops/conv.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"

namespace mica::nn {
namespace {

std::pair<int, int> pair_of(const Extent<2>& e) {
  return {e[0], e[1]};
}

std::tuple<int, int, int> triple_of(const Extent<3>& e) {
  return {e[0], e[1], e[2]};
}

array convolve(const array& x, const array& w, const ConvOptions<1>& o) {
  return conv1d(x, w, o.stride[0], o.padding[0], o.dilation[0], o.groups);
}
array convolve(const array& x, const array& w, const ConvOptions<2>& o) {
  return conv2d(x, w, pair_of(o.stride), pair_of(o.padding), pair_of(o.dilation), o.groups);
}
array convolve(const array& x, const array& w, const ConvOptions<3>& o) {
  return conv3d(x, w, triple_of(o.stride), triple_of(o.padding), triple_of(o.dilation), o.groups);
}
array convolve(const array& x, const array& w, const ConvTransposeOptions<1>& o) {
  return conv_transpose1d(x, w, o.stride[0], o.padding[0], o.dilation[0], o.output_padding[0]);
}
array convolve(const array& x, const array& w, const ConvTransposeOptions<2>& o) {
  return conv_transpose2d(x, w, pair_of(o.stride), pair_of(o.padding), pair_of(o.dilation), pair_of(o.output_padding));
}
array convolve(const array& x, const array& w, const ConvTransposeOptions<3>& o) {
  return conv_transpose3d(x, w, triple_of(o.stride), triple_of(o.padding), triple_of(o.dilation),
                          triple_of(o.output_padding));
}

template <size_t N>
array first_weight(int in_channels, int out_channels, const Extent<N>& kernel, int groups) {
  if (groups <= 0 || in_channels % groups != 0) {
    fail_as<std::invalid_argument>("[Conv{}d] {} input channels cannot be divided into {} groups", N, in_channels,
                                   groups);
  }
  Shape shape{out_channels};
  const int inputs = in_channels / groups;
  double fan_in = inputs;
  for (size_t i = 0; i < N; ++i) {
    shape.push_back(kernel[i]);
    fan_in *= kernel[i];
  }
  shape.push_back(inputs);
  return detail::uniform_weight(fan_in, shape);
}

template <typename Layer>
array forward(const Layer& layer, const array& x) {
  const array y = convolve(x, layer.weight, layer.options);
  return layer.bias.has_value() ? y + layer.bias : y;
}

}  // namespace

template <size_t N>
Conv<N>::Conv(int in_channels, int out_channels, const Extent<N>& kernel_size, const ConvOptions<N>& conv_options)
    : options(conv_options),
      weight(this, "weight", first_weight(in_channels, out_channels, kernel_size, conv_options.groups)),
      bias(this, "bias") {
  if (options.bias) bias.set(zeros({out_channels}));
}

template <size_t N>
array Conv<N>::operator()(const array& x) const {
  return forward(*this, x);
}

template <size_t N>
ConvTranspose<N>::ConvTranspose(int in_channels, int out_channels, const Extent<N>& kernel_size,
                                const ConvTransposeOptions<N>& conv_options)
    : options(conv_options),
      weight(this, "weight", first_weight(in_channels, out_channels, kernel_size, 1)),
      bias(this, "bias") {
  if (options.bias) bias.set(zeros({out_channels}));
}

template <size_t N>
array ConvTranspose<N>::operator()(const array& x) const {
  return forward(*this, x);
}

template struct Conv<1>;
template struct Conv<2>;
template struct Conv<3>;
template struct ConvTranspose<1>;
template struct ConvTranspose<2>;
template struct ConvTranspose<3>;

}  // namespace mica::nn
