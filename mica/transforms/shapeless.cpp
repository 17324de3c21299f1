#include "mica/transforms/shapeless.h"

#include <algorithm>
#include <optional>

#include "mica/array/primitive.h"
#include "mica/base/error.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/matmul.h"
#include "mica/ops/shape.h"
#include "mica/transforms/refit.h"

namespace mica {
namespace {

bool is(const Primitive& primitive, PrimitiveId id) {
  return primitive.id() == id;
}

/// Whether the primitive's inputs may be repeated along axes: all, or the batches of matrices.
bool repeats(const Primitive& primitive) {
  return is(primitive, Binary::static_id()) || is(primitive, Select::static_id()) ||
         is(primitive, Matmul::static_id());
}

/// The shapes that inputs are repeated to.
std::vector<Shape> repeated(const Primitive& primitive, const std::vector<Shape>& shapes) {
  const bool matrices = is(primitive, Matmul::static_id());
  Shape common;
  for (const Shape& shape : shapes) {
    common = broadcast_shapes(common, matrices ? Shape(shape.begin(), shape.end() - 2) : shape);
  }
  std::vector<Shape> out(shapes.size(), common);
  for (size_t i = 0; matrices && i < shapes.size(); ++i) {
    out[i].insert(out[i].end(), shapes[i].end() - 2, shapes[i].end());
  }
  return out;
}

/// What a constant repeats, if that can still be seen.
std::optional<array> repeated_source(array constant) {
  bool found = false;
  while (!constant.is_available() && constant.has_primitive()) {
    const bool copies = is(constant.primitive(), Copy::static_id());
    if (!copies && !is(constant.primitive(), Broadcast::static_id())) break;
    found = found || !copies;
    const array source = constant.inputs()[0];
    constant = source;
  }
  return found ? std::optional(constant) : std::nullopt;
}

class Loosener {
 public:
  explicit Loosener(FlatGraph& graph) : graph_(graph), makers_(graph.values.size(), nullptr) {
    for (const FlatGraph::Node& node : graph.nodes) {
      for (const int output : node.outputs) makers_[static_cast<size_t>(output)] = &node;
    }
  }

  void run() {
    for (FlatGraph::Node& node : graph_.nodes) {
      if (!repeats(*node.primitive)) continue;
      std::vector<int> sources;
      std::vector<Shape> shapes;
      for (const int input : node.inputs) {
        sources.push_back(source(input, is(*node.primitive, Matmul::static_id())));
        shapes.push_back(graph_.values[static_cast<size_t>(sources.back())].shape);
      }
      // The operands must repeat each other; a length that neither has was asked for.
      const std::vector<Shape> traced = repeated(*node.primitive, shapes);
      bool same = true;
      for (size_t i = 0; i < traced.size(); ++i) {
        same = same && traced[i] == graph_.values[static_cast<size_t>(node.inputs[i])].shape;
      }
      if (same) node.inputs = std::move(sources);
    }
    drop_dead_nodes(graph_);
  }

 private:
  int source(int value, bool matrices) {
    const auto v = static_cast<size_t>(value);
    int found = value;
    if (v < makers_.size() && makers_[v]) {
      if (is(*makers_[v]->primitive, Broadcast::static_id())) found = source(makers_[v]->inputs[0], matrices);
    } else if (graph_.constants[v]) {
      const auto original = repeated_source(*graph_.constants[v]);
      if (original) found = graph_.add_value({original->shape(), original->dtype()}, *original);
    }
    // A matrix stays one.
    const Shape& shape = graph_.values[static_cast<size_t>(found)].shape;
    const Shape& whole = graph_.values[v].shape;
    const bool kept = !matrices || (shape.size() >= 2 && std::equal(shape.end() - 2, shape.end(), whole.end() - 2));
    return kept ? found : value;
  }

  FlatGraph& graph_;
  std::vector<const FlatGraph::Node*> makers_;
};

}  // namespace

void loosen(FlatGraph& graph) {
  Loosener(graph).run();
}

std::vector<array> repeated_operands(const Primitive& primitive, std::vector<array> operands) {
  if (!repeats(primitive)) return operands;
  std::vector<Shape> shapes;
  for (const array& operand : operands) {
    if (is(primitive, Matmul::static_id()) && operand.ndim() < 2) {
      fail_as<std::invalid_argument>("[matmul] shape {} is no matrix", to_string(operand.shape()));
    }
    shapes.push_back(operand.shape());
  }
  const std::vector<Shape> wanted = repeated(primitive, shapes);
  for (size_t i = 0; i < operands.size(); ++i) {
    operands[i] = broadcast_to(operands[i], wanted[i], primitive.stream());
  }
  return operands;
}

std::vector<array> replay_shapeless(const FlatGraph& graph, const std::vector<array>& inputs) {
  std::vector<array> values;
  values.reserve(graph.values.size());
  const array none(false);
  for (const auto& constant : graph.constants) values.push_back(constant ? *constant : none);
  std::copy(inputs.begin(), inputs.end(), values.begin());
  const auto all = [&](const std::vector<int>& numbers) {
    std::vector<array> out;
    out.reserve(numbers.size());
    for (const int number : numbers) out.push_back(values[static_cast<size_t>(number)]);
    return out;
  };
  const Refit refit(graph, inputs);
  for (const FlatGraph::Node& node : graph.nodes) {
    std::vector<array> operands = repeated_operands(*node.primitive, all(node.inputs));
    const std::vector<array> made = make_arrays(refit.primitive(node, operands), std::move(operands));
    for (size_t i = 0; i < made.size(); ++i) values[static_cast<size_t>(node.outputs[i])] = made[i];
  }
  return all(graph.outputs);
}

}  // namespace mica
