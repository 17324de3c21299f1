#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "mica/array/primitive.h"
#include "mica/ops/composite.h"

namespace mica {

/// A chain of element-by-element primitives (Unary, Binary, Select, AsType) as one, computed without intermediate
/// arrays. Inputs may have any shapes that broadcast to the output's.
struct Fused final : PrimitiveOf<Fused, Composite> {
  /// One operation of the chain.
  struct Step {
    std::shared_ptr<Primitive> primitive;
    /// Numbers of values: first the inputs, then the steps' results.
    std::vector<int> inputs;
    Dtype dtype;
  };

  Fused(Stream stream, std::vector<Step> all_steps, Shape output_shape)
      : PrimitiveOf(stream), steps(std::move(all_steps)), shape(std::move(output_shape)) {}
  std::string_view name() const override { return "fused"; }
  std::vector<OutputSpec> infer(const std::vector<array>&) const override { return {{shape, steps.back().dtype}}; }
  std::vector<array> expand(const std::vector<array>& inputs) const override;

  /// The last step's result is the output.
  std::vector<Step> steps;
  Shape shape;
  /// What a backend makes of the steps.
  mutable array::Derived derived;
};

}  // namespace mica
