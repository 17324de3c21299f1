#pragma once

#include <optional>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

/// The last axis times the Hadamard matrix of its length n = m · 2^k, m ∈ {1, 12, 20, 28}, and `scale` (default 1/√n,
/// which makes it orthogonal). Integers become float32, complex numbers throw std::invalid_argument, and so do other
/// lengths.
array hadamard_transform(const array& a, std::optional<float> scale = std::nullopt, StreamOrDevice s = {});

/// The Walsh-Hadamard transform of the last axis, whose length is a power of two, times `scale`.
struct Hadamard final : PrimitiveOf<Hadamard> {
  Hadamard(Stream stream, float factor) : PrimitiveOf(stream), scale(factor) {}
  std::string_view name() const override { return "hadamard_transform"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(scale); }
  float scale;
};

}  // namespace mica
