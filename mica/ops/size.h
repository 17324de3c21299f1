#pragma once

#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

/// The number of elements along the axes (a scalar), or with `inverted` one over it: unlike a.shape() it follows when a
/// function that was compiled without fixed shapes meets another one. Throws std::invalid_argument for a wrong axis.
array number_of_elements(const array& a, std::vector<int> axes, bool inverted, Dtype dtype = int32,
                         StreamOrDevice s = {});

/// The product of the lengths of some axes, or one over it, as a scalar.
struct NumberOfElements final : PrimitiveOf<NumberOfElements> {
  NumberOfElements(Stream stream, std::vector<int> counted_axes, bool one_over, Dtype type)
      : PrimitiveOf(stream), axes(std::move(counted_axes)), inverted(one_over), dtype(type) {}
  std::string_view name() const override { return "number_of_elements"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(axes, inverted, dtype); }
  std::vector<int> axes;
  bool inverted;
  Dtype dtype;
};

}  // namespace mica
