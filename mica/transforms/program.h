#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "mica/array/primitive.h"
#include "mica/ops/composite.h"
#include "mica/transforms/flat_graph.h"

namespace mica {

/// A whole compiled function as one primitive: its nodes run one after the other, all on this primitive's stream. The
/// constants of the graph are computed already.
struct Program final : PrimitiveOf<Program, Composite> {
  Program(Stream stream, FlatGraph flat_graph) : PrimitiveOf(stream), graph(std::move(flat_graph)) {}
  std::string_view name() const override { return "program"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  std::vector<array> expand(const std::vector<array>& inputs) const override;

  FlatGraph graph;
  /// What a backend prepares once to run the program.
  mutable array::Derived derived;
};

}  // namespace mica
