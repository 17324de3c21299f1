#include "mica/transforms/shapeless.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "mica/array/evaluate.h"
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
  return is(primitive, Binary::static_id()) || is(primitive, Select::static_id()) || is(primitive, Matmul::static_id());
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
  const GraphLock lock;
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

bool is_elementwise(const Primitive& primitive) {
  return is(primitive, Unary::static_id()) || is(primitive, AsType::static_id()) ||
         is(primitive, Binary::static_id()) || is(primitive, Select::static_id());
}

class Loosener {
 public:
  explicit Loosener(FlatGraph& graph) : graph_(graph) {}

  void run() {
    std::vector<FlatGraph::Node> nodes;
    for (FlatGraph::Node& node : graph_.nodes) {
      if (is(*node.primitive, Broadcast::static_id())) {
        sources_.insert_or_assign(node.outputs[0], source(node.inputs[0]));
      }
      const bool follows = repeats(*node.primitive) || is_elementwise(*node.primitive);
      std::optional<FlatGraph::Node> small = follows ? loosened(node) : std::nullopt;
      nodes.push_back(std::move(node));
      if (small) nodes.push_back(std::move(*small));
    }
    graph_.nodes = std::move(nodes);
    drop_dead_nodes(graph_);
  }

 private:
  const Shape& shape(int value) const { return graph_.values[static_cast<size_t>(value)].shape; }

  /// Gives the node the sources of its operands if these repeat each other. If they do not, some length was asked for:
  /// the node stays, and what is returned computes the same of the sources, for those that can do with less.
  std::optional<FlatGraph::Node> loosened(FlatGraph::Node& node) {
    const bool matrices = is(*node.primitive, Matmul::static_id());
    std::vector<int> sources;
    std::vector<Shape> shapes;
    bool same = true;
    for (const int input : node.inputs) {
      sources.push_back(source(input));
      // A matrix stays one.
      const Shape& small = shape(sources.back());
      const Shape& whole = shape(input);
      if (matrices && (small.size() < 2 || !std::equal(small.end() - 2, small.end(), whole.end() - 2))) {
        sources.back() = input;
      }
      shapes.push_back(shape(sources.back()));
    }
    if (sources == node.inputs) return std::nullopt;
    const std::vector<Shape> traced = repeated(*node.primitive, shapes);
    for (size_t i = 0; i < traced.size(); ++i) same = same && traced[i] == shape(node.inputs[i]);
    if (same) {
      node.inputs = std::move(sources);
      return std::nullopt;
    }
    if (matrices) return std::nullopt;
    const int output = node.outputs[0];
    const int small = graph_.add_value({traced[0], graph_.values[static_cast<size_t>(output)].dtype});
    sources_.insert_or_assign(output, small);
    return FlatGraph::Node{node.primitive, std::move(sources), {small}};
  }

  /// The value whose elements a value repeats; itself if it repeats none.
  int source(int value) {
    const auto known = sources_.find(value);
    if (known != sources_.end()) return known->second;
    int found = value;
    const auto& constant = graph_.constants[static_cast<size_t>(value)];
    const auto original = constant ? repeated_source(*constant) : std::nullopt;
    if (original) found = graph_.add_value({original->shape(), original->dtype()}, original);
    sources_.emplace(value, found);
    return found;
  }

  FlatGraph& graph_;
  std::unordered_map<int, int> sources_;
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
  const Refit refit(graph, inputs);
  return replay(graph, inputs, [&](const FlatGraph::Node& node, const std::vector<array>& given) {
    std::vector<array> operands = repeated_operands(*node.primitive, given);
    const std::shared_ptr<Primitive> primitive = refit.primitive(node, operands);
    return make_arrays(primitive, std::move(operands));
  });
}

}  // namespace mica
