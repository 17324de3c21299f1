#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/base/function_ref.h"

namespace mica {

/// A traced function as a list of primitives over numbered values. The first values are the function's inputs.
struct FlatGraph {
  /// A primitive with the numbers of its inputs and outputs.
  struct Node {
    std::shared_ptr<Primitive> primitive;
    std::vector<int> inputs;
    std::vector<int> outputs;
  };

  /// Shape and dtype of every value.
  std::vector<OutputSpec> values;
  /// The array of a value that is no input and depends on none.
  std::vector<std::optional<array>> constants;
  size_t input_count = 0;
  /// Each node after those that make its inputs.
  std::vector<Node> nodes;
  std::vector<int> outputs;

  int add_value(OutputSpec spec, std::optional<array> constant = std::nullopt);
};

/// What lies between the placeholders of a trace and its results.
FlatGraph capture(const std::vector<array>& placeholders, const std::vector<array>& results);

/// Merges nodes that compute the same, and leaves out those that only hand their inputs on.
void simplify(FlatGraph& graph);

/// Puts chains of element-by-element nodes together into Fused ones.
void fuse(FlatGraph& graph);

/// Drops what the outputs do not depend on.
void drop_dead_nodes(FlatGraph& graph);

/// Makes the outputs for other inputs, node by node.
std::vector<array> replay(const FlatGraph& graph, const std::vector<array>& inputs);
/// The same where `make` gives the outputs of a node for its inputs.
std::vector<array> replay(const FlatGraph& graph, const std::vector<array>& inputs,
                          FunctionRef<std::vector<array>(const FlatGraph::Node&, std::vector<array>&&)> make);

}  // namespace mica
