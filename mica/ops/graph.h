#pragma once

#include <string_view>
#include <tuple>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

// Operations that change the graph and no values.

/// The inputs, which are computed only after the dependencies have been.
std::vector<array> depends(const std::vector<array>& inputs, const std::vector<array>& dependencies);

/// Another node with the same value and memory.
array alias(const array& a, StreamOrDevice s = {});

/// Its output is its input.
struct Alias final : PrimitiveOf<Alias> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "alias"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

/// An Alias that gradients and tangents do not pass.
struct StopGradient final : PrimitiveOf<StopGradient> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "stop_gradient"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

/// Its outputs are the first of its inputs; the others are dependencies.
struct Depends final : PrimitiveOf<Depends> {
  Depends(Stream stream, size_t count) : PrimitiveOf(stream), outputs(count) {}
  std::string_view name() const override { return "depends"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(outputs); }
  size_t outputs;
};

}  // namespace mica
