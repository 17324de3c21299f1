#pragma once

#include <tuple>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

// Convolutions over one to three spatial axes, channels last: input [N, spatial..., C], weight [C_out, spatial...,
// C / groups] → [N, spatial..., C_out]. As everywhere in machine learning they are correlations: the weight is not
// flipped unless asked. Floating types; halves are summed in float32 and rounded once. Shapes that do not fit throw
// std::invalid_argument.

/// One entry for every spatial axis, or a single one for all, or none for the default (stride and dilations 1, padding
/// 0). `input_dilation` d puts d − 1 zeros between the input's elements; negative padding cuts elements off; `flip`
/// reverses the weight along its spatial axes.
array conv_general(array input, array weight, std::vector<int> stride = {}, std::vector<int> padding_lo = {},
                   std::vector<int> padding_hi = {}, std::vector<int> kernel_dilation = {},
                   std::vector<int> input_dilation = {}, int groups = 1, bool flip = false, StreamOrDevice s = {});
/// The same padding at both ends.
inline array conv_general(const array& input, const array& weight, std::vector<int> stride = {},
                          std::vector<int> padding = {}, std::vector<int> kernel_dilation = {},
                          std::vector<int> input_dilation = {}, int groups = 1, bool flip = false,
                          StreamOrDevice s = {}) {
  std::vector<int> same = padding;
  return conv_general(array(input), array(weight), std::move(stride), std::move(padding), std::move(same),
                      std::move(kernel_dilation), std::move(input_dilation), groups, flip, s);
}

/// Convolutions over one, two and three spatial axes.
array conv1d(const array& input, const array& weight, int stride = 1, int padding = 0, int dilation = 1, int groups = 1,
             StreamOrDevice s = {});
array conv2d(const array& input, const array& weight, const std::pair<int, int>& stride = {1, 1},
             const std::pair<int, int>& padding = {0, 0}, const std::pair<int, int>& dilation = {1, 1}, int groups = 1,
             StreamOrDevice s = {});
array conv3d(const array& input, const array& weight, const std::tuple<int, int, int>& stride = {1, 1, 1},
             const std::tuple<int, int, int>& padding = {0, 0, 0},
             const std::tuple<int, int, int>& dilation = {1, 1, 1}, int groups = 1, StreamOrDevice s = {});

/// Transposed convolutions: the gradient of a convolution by its input, spread over `stride`. `output_padding` elements
/// are added at the high end.
array conv_transpose1d(const array& input, const array& weight, int stride = 1, int padding = 0, int dilation = 1,
                       int output_padding = 0, int groups = 1, StreamOrDevice s = {});
array conv_transpose2d(const array& input, const array& weight, const std::pair<int, int>& stride = {1, 1},
                       const std::pair<int, int>& padding = {0, 0}, const std::pair<int, int>& dilation = {1, 1},
                       const std::pair<int, int>& output_padding = {0, 0}, int groups = 1, StreamOrDevice s = {});
array conv_transpose3d(const array& input, const array& weight, const std::tuple<int, int, int>& stride = {1, 1, 1},
                       const std::tuple<int, int, int>& padding = {0, 0, 0},
                       const std::tuple<int, int, int>& dilation = {1, 1, 1},
                       const std::tuple<int, int, int>& output_padding = {0, 0, 0}, int groups = 1,
                       StreamOrDevice s = {});

/// How a convolution runs along one spatial axis.
struct ConvAxis {
  int64_t stride = 1;
  int64_t padding_lo = 0;
  int64_t padding_hi = 0;
  int64_t kernel_dilation = 1;
  int64_t input_dilation = 1;
  bool operator==(const ConvAxis&) const = default;
};

/// Inputs: input and weight of one floating type.
struct Convolution final : PrimitiveOf<Convolution> {
  Convolution(Stream stream, std::vector<ConvAxis> spatial, int group_count, bool flip_weight)
      : PrimitiveOf(stream), axes(std::move(spatial)), groups(group_count), flip(flip_weight) {}
  std::string_view name() const override { return "conv"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axes, groups, flip); }
  std::vector<ConvAxis> axes;
  int groups;
  bool flip;

 private:
  array input_gradient(const array& input, const array& weight, const array& cotangent) const;
  array weight_gradient(const array& input, const array& weight, const array& cotangent) const;
};

}  // namespace mica
