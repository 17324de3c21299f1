#pragma once

#include <memory>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/transforms/flat_graph.h"

namespace mica {

/// Primitives of a traced function for other lengths of axes than those traced: a slice of a whole axis stays whole,
/// axes that were joined are joined, one that was divided into axes of an argument is divided so again. Where a trace
/// cannot tell what a field should be, std::invalid_argument starting with "[name]" is thrown.
class Refit {
 public:
  /// `inputs` are those that the function is called with.
  Refit(const FlatGraph& graph, const std::vector<array>& inputs);

  /// The node's primitive for these operands.
  std::shared_ptr<Primitive> primitive(const FlatGraph::Node& node, const std::vector<array>& operands) const;

 private:
  Shape broadcast(const Shape& target, const Shape& traced, const Shape& given) const;
  Shape reshaped(const Shape& traced, const Shape& target, const Shape& given) const;
  Shape divided(const Shape& traced, const Shape& parts, const Shape& given) const;

  const FlatGraph& graph_;
  std::vector<Shape> inputs_;
};

}  // namespace mica
