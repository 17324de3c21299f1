#include "mica/ops/conv.h"

#include <algorithm>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// One value for each of `count` spatial axes.
std::vector<int> per_axis(const std::vector<int>& values, size_t count, int usual, std::string_view what) {
  if (values.size() <= 1) return std::vector<int>(count, values.empty() ? usual : values[0]);
  if (values.size() != count) {
    fail_as<std::invalid_argument>("[conv] {} entries of {} for {} spatial axes", values.size(), what, count);
  }
  return values;
}

void check_operands(const array& input, const array& weight) {
  const size_t ndim = input.ndim();
  if (ndim < 3 || ndim > 5 || weight.ndim() != ndim) {
    fail_as<std::invalid_argument>(
        "[conv] input of shape {} and weight of shape {}: both need three to five axes, equally many",
        to_string(input.shape()), to_string(weight.shape()));
  }
}

/// A bound of lengths, paddings, strides and dilations below which no sum or product of two overflows.
constexpr int64_t kLongest = int64_t{1} << 31;

int64_t dilated(int64_t length, int64_t dilation) {
  return length == 0 ? 0 : (length - 1) * dilation + 1;
}

int64_t output_length(const ConvAxis& axis, int64_t input, int64_t taps) {
  const int64_t room = axis.padding_lo + dilated(input, axis.input_dilation) + axis.padding_hi;
  return (room - dilated(taps, axis.kernel_dilation)) / axis.stride + 1;
}

array transposed_convolution(const array& input, const array& weight, const std::vector<int>& stride,
                             const std::vector<int>& padding, const std::vector<int>& dilation,
                             const std::vector<int>& output_padding, int groups, StreamOrDevice s) {
  check_operands(input, weight);
  if (input.ndim() != stride.size() + 2) {
    fail_as<std::invalid_argument>("[conv_transpose] an input of shape {} has not {} spatial axes",
                                   to_string(input.shape()), stride.size());
  }
  std::vector<int> low;
  std::vector<int> high;
  for (size_t i = 0; i < stride.size(); ++i) {
    const int reach = dilation[i] * static_cast<int>(weight.shape()[i + 1] - 1);
    low.push_back(reach - padding[i]);
    high.push_back(reach - padding[i] + output_padding[i]);
  }
  return conv_general(array(input), array(weight), {}, low, high, dilation, stride, groups, true, s);
}

array forward_convolution(const array& input, const array& weight, const std::vector<int>& stride,
                          const std::vector<int>& padding, const std::vector<int>& dilation, int groups,
                          StreamOrDevice s) {
  if (input.ndim() != stride.size() + 2) {
    fail_as<std::invalid_argument>("[conv] an input of shape {} has not {} spatial axes", to_string(input.shape()),
                                   stride.size());
  }
  return conv_general(array(input), array(weight), stride, padding, padding, dilation, {}, groups, false, s);
}

std::vector<int> list(const std::pair<int, int>& values) {
  return {values.first, values.second};
}
std::vector<int> list(const std::tuple<int, int, int>& values) {
  return {std::get<0>(values), std::get<1>(values), std::get<2>(values)};
}

/// [G · A, spatial..., B] → [G · B, spatial..., A]: within every group the first and the last axis change places.
array swap_in_groups(const array& a, int groups, Stream stream) {
  if (groups == 1) return swapaxes(a, 0, -1, stream);
  const array split = unflatten(a, 0, {groups, a.shape(0) / groups}, stream);
  return flatten(swapaxes(split, 1, -1, stream), 0, 1, stream);
}

std::vector<int> spatial_axes(const array& a) {
  std::vector<int> axes;
  for (int i = 1; i + 1 < static_cast<int>(a.ndim()); ++i) axes.push_back(i);
  return axes;
}

}  // namespace

std::vector<OutputSpec> Convolution::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 2, name());
  const array& x = inputs[0];
  const array& w = inputs[1];
  check_operands(x, w);
  check_category(x, floating, name());
  check_dtype(w, x.dtype(), name());
  if (axes.size() + 2 != x.ndim()) {
    fail_as<std::invalid_argument>("[conv] {} axes are described of {}", axes.size(), x.ndim() - 2);
  }
  const int64_t channels = x.shape(-1);
  if (groups < 1 || channels % groups != 0 || w.shape(0) % groups != 0 || w.shape(-1) != channels / groups) {
    fail_as<std::invalid_argument>("[conv] input of shape {} and weight of shape {} do not match in {} group(s)",
                                   to_string(x.shape()), to_string(w.shape()), groups);
  }
  Shape out = x.shape();
  out.back() = w.shape(0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const ConvAxis& axis = axes[i];
    if (axis.stride < 1 || axis.kernel_dilation < 1 || axis.input_dilation < 1) {
      fail_as<std::invalid_argument>("[conv] strides and dilations must be positive");
    }
    const int64_t taps = w.shape()[i + 1];
    for (const int64_t number : {axis.stride, axis.kernel_dilation, axis.input_dilation, axis.padding_lo,
                                 axis.padding_hi, taps, x.shape()[i + 1]}) {
      if (number > kLongest || number < -kLongest) fail_as<std::invalid_argument>("[conv] {} is too much", number);
    }
    const int64_t room = axis.padding_lo + dilated(x.shape()[i + 1], axis.input_dilation) + axis.padding_hi;
    if (taps < 1 || room < dilated(taps, axis.kernel_dilation)) {
      fail_as<std::invalid_argument>("[conv] a weight of shape {} does not fit into the padded input of shape {}",
                                     to_string(w.shape()), to_string(x.shape()));
    }
    out[i + 1] = output_length(axis, x.shape()[i + 1], taps);
  }
  return {{std::move(out), x.dtype()}};
}

/// Every output element spread back over the inputs that it was made of: the cotangent, dilated by the stride, is
/// convolved with the mirrored weight.
array Convolution::input_gradient(const array& input, const array& weight, const array& cotangent) const {
  std::vector<ConvAxis> back;
  for (size_t i = 0; i < axes.size(); ++i) {
    const ConvAxis& axis = axes[i];
    const int64_t reach = axis.kernel_dilation * (weight.shape()[i + 1] - 1);
    const int64_t wanted = dilated(input.shape()[i + 1], axis.input_dilation);
    const int64_t spread = dilated(cotangent.shape()[i + 1], axis.stride);
    const int64_t low = reach - axis.padding_lo;
    back.push_back({.stride = axis.input_dilation,
                    .padding_lo = low,
                    .padding_hi = wanted - low - spread + reach,
                    .kernel_dilation = axis.kernel_dilation,
                    .input_dilation = axis.stride});
  }
  return apply<Convolution>({cotangent, swap_in_groups(weight, groups, stream())}, stream(), std::move(back), groups,
                            !flip);
}

/// Input and cotangent correlated over batch and space: the batch takes the place of the channels.
array Convolution::weight_gradient(const array& input, const array& weight, const array& cotangent) const {
  std::vector<ConvAxis> back;
  for (size_t i = 0; i < axes.size(); ++i) {
    const ConvAxis& axis = axes[i];
    const int64_t reach = axis.kernel_dilation * (weight.shape()[i + 1] - 1);
    const int64_t given = dilated(input.shape()[i + 1], axis.input_dilation);
    const int64_t spread = dilated(cotangent.shape()[i + 1], axis.stride);
    back.push_back({.stride = axis.kernel_dilation,
                    .padding_lo = axis.padding_lo,
                    .padding_hi = reach + spread - axis.padding_lo - given,
                    .kernel_dilation = axis.stride,
                    .input_dilation = axis.input_dilation});
  }
  // [N, ..., G · C] → [C, ..., G · N]
  const array split = unflatten(input, -1, {groups, input.shape(-1) / groups}, stream());
  const array samples = flatten(swapaxes(split, 0, -1, stream()), -2, -1, stream());
  const array filters = swapaxes(cotangent, 0, -1, stream());
  array gradient =
      swapaxes(apply<Convolution>({samples, filters}, stream(), std::move(back), groups, false), 0, -1, stream());
  return flip ? mica::flip(gradient, spatial_axes(gradient), stream()) : gradient;
}

std::vector<array> Convolution::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                    const std::vector<int>& argnums, const std::vector<array>&) const {
  std::vector<array> out;
  for (const int argument : argnums) {
    const bool empty = primals[static_cast<size_t>(argument)].size() == 0 || cotangents[0].size() == 0;
    if (empty) {
      out.push_back(zeros_like(primals[static_cast<size_t>(argument)], stream()));
    } else {
      out.push_back(argument == 0 ? input_gradient(primals[0], primals[1], cotangents[0])
                                  : weight_gradient(primals[0], primals[1], cotangents[0]));
    }
  }
  return out;
}

std::vector<array> Convolution::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                    const std::vector<int>& argnums) const {
  std::vector<array> parts;
  for (size_t i = 0; i < argnums.size(); ++i) {
    std::vector<array> inputs = primals;
    inputs[static_cast<size_t>(argnums[i])] = tangents[i];
    parts.push_back(apply<Convolution>(std::move(inputs), stream(), axes, groups, flip));
  }
  return {parts.size() == 2 ? add(parts[0], parts[1], stream()) : parts[0]};
}

std::pair<std::vector<array>, std::vector<int>> Convolution::vmap(const std::vector<array>& inputs,
                                                                  const std::vector<int>& batch_axes) const {
  const auto convolve = [&](const array& x, const array& w, int group_count) {
    return apply<Convolution>({x, w}, stream(), axes, group_count, flip);
  };
  if (batch_axes[1] < 0) {
    const array x = moveaxis(inputs[0], batch_axes[0], 0, stream());
    const array out = convolve(flatten(x, 0, 1, stream()), inputs[1], groups);
    return {{unflatten(out, 0, {x.shape(0), x.shape(1)}, stream())}, {0}};
  }
  const array w = moveaxis(inputs[1], batch_axes[1], 0, stream());
  const ShapeElem batch = w.shape(0);
  if (batch_axes[0] < 0) {
    // The batch becomes part of every group's output channels: [B, G · O] → [G · B · O].
    const array grouped = swapaxes(unflatten(w, 1, {groups, w.shape(1) / groups}, stream()), 0, 1, stream());
    const array out = convolve(inputs[0], flatten(grouped, 0, 2, stream()), groups);
    const array split = unflatten(out, -1, {groups, batch, w.shape(1) / groups}, stream());
    return {{flatten(moveaxis(split, -2, 0, stream()), -2, -1, stream())}, {0}};
  }
  // The batch becomes groups.
  const array x = moveaxis(inputs[0], batch_axes[0], -2, stream());
  const array out =
      convolve(flatten(x, -2, -1, stream()), flatten(w, 0, 1, stream()), groups * static_cast<int>(batch));
  return {{unflatten(out, -1, {batch, w.shape(1)}, stream())}, {static_cast<int>(out.ndim()) - 1}};
}

array conv_general(array input, array weight, std::vector<int> stride, std::vector<int> padding_lo,
                   std::vector<int> padding_hi, std::vector<int> kernel_dilation, std::vector<int> input_dilation,
                   int groups, bool flip, StreamOrDevice s) {
  check_operands(input, weight);
  const Dtype dtype = promote_types(input.dtype(), weight.dtype());
  if (!issubdtype(dtype, floating)) {
    fail_as<std::invalid_argument>("[conv] needs real floating point numbers, not {}", dtype_name(dtype));
  }
  const size_t count = input.ndim() - 2;
  stride = per_axis(stride, count, 1, "stride");
  padding_lo = per_axis(padding_lo, count, 0, "padding_lo");
  padding_hi = per_axis(padding_hi, count, 0, "padding_hi");
  kernel_dilation = per_axis(kernel_dilation, count, 1, "kernel_dilation");
  input_dilation = per_axis(input_dilation, count, 1, "input_dilation");
  std::vector<ConvAxis> axes;
  axes.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    axes.push_back({stride[i], padding_lo[i], padding_hi[i], kernel_dilation[i], input_dilation[i]});
  }
  return apply<Convolution>({astype(std::move(input), dtype, s), astype(std::move(weight), dtype, s)}, to_stream(s),
                            std::move(axes), groups, flip);
}

array conv1d(const array& input, const array& weight, int stride, int padding, int dilation, int groups,
             StreamOrDevice s) {
  return forward_convolution(input, weight, {stride}, {padding}, {dilation}, groups, s);
}
array conv2d(const array& input, const array& weight, const std::pair<int, int>& stride,
             const std::pair<int, int>& padding, const std::pair<int, int>& dilation, int groups, StreamOrDevice s) {
  return forward_convolution(input, weight, list(stride), list(padding), list(dilation), groups, s);
}
array conv3d(const array& input, const array& weight, const std::tuple<int, int, int>& stride,
             const std::tuple<int, int, int>& padding, const std::tuple<int, int, int>& dilation, int groups,
             StreamOrDevice s) {
  return forward_convolution(input, weight, list(stride), list(padding), list(dilation), groups, s);
}

array conv_transpose1d(const array& input, const array& weight, int stride, int padding, int dilation,
                       int output_padding, int groups, StreamOrDevice s) {
  return transposed_convolution(input, weight, {stride}, {padding}, {dilation}, {output_padding}, groups, s);
}
array conv_transpose2d(const array& input, const array& weight, const std::pair<int, int>& stride,
                       const std::pair<int, int>& padding, const std::pair<int, int>& dilation,
                       const std::pair<int, int>& output_padding, int groups, StreamOrDevice s) {
  return transposed_convolution(input, weight, list(stride), list(padding), list(dilation), list(output_padding),
                                groups, s);
}
array conv_transpose3d(const array& input, const array& weight, const std::tuple<int, int, int>& stride,
                       const std::tuple<int, int, int>& padding, const std::tuple<int, int, int>& dilation,
                       const std::tuple<int, int, int>& output_padding, int groups, StreamOrDevice s) {
  return transposed_convolution(input, weight, list(stride), list(padding), list(dilation), list(output_padding),
                                groups, s);
}

}  // namespace mica
