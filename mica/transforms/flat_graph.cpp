#include "mica/transforms/flat_graph.h"

#include <algorithm>
#include <unordered_map>

#include "mica/transforms/tape.h"

namespace mica {
namespace {

class Capture {
 public:
  FlatGraph graph;

  int number_of(const array& a) {
    const auto found = numbers_.find(a.id());
    if (found != numbers_.end()) return found->second;
    // Not an argument and made by no node on the way: a constant.
    return define(a, a);
  }

  int define(const array& a, std::optional<array> constant = std::nullopt) {
    const int number = graph.add_value({a.shape(), a.dtype()}, std::move(constant));
    numbers_.insert_or_assign(a.id(), number);
    return number;
  }

 private:
  std::unordered_map<std::uintptr_t, int> numbers_;
};

}  // namespace

int FlatGraph::add_value(OutputSpec spec, std::optional<array> constant) {
  values.push_back(std::move(spec));
  constants.push_back(std::move(constant));
  return static_cast<int>(values.size()) - 1;
}

FlatGraph capture(const std::vector<array>& placeholders, const std::vector<array>& results) {
  const Tape tape(placeholders, results, Flow::values);
  Capture capture;
  for (const array& placeholder : placeholders) capture.define(placeholder);
  capture.graph.input_count = placeholders.size();
  for (const array& traced : tape.nodes()) {
    FlatGraph::Node node{traced.primitive_ptr(), {}, {}};
    for (const array& input : traced.inputs()) node.inputs.push_back(capture.number_of(input));
    for (const array& output : traced.outputs()) node.outputs.push_back(capture.define(output));
    capture.graph.nodes.push_back(std::move(node));
  }
  for (const array& result : results) capture.graph.outputs.push_back(capture.number_of(result));
  return std::move(capture.graph);
}

void drop_dead_nodes(FlatGraph& graph) {
  std::vector<bool> needed(graph.values.size(), false);
  for (const int output : graph.outputs) needed[static_cast<size_t>(output)] = true;
  std::vector<FlatGraph::Node> kept;
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    FlatGraph::Node& node = graph.nodes[n];
    bool used = false;
    for (const int output : node.outputs) used = used || needed[static_cast<size_t>(output)];
    if (!used) continue;
    for (const int input : node.inputs) needed[static_cast<size_t>(input)] = true;
    kept.push_back(std::move(node));
  }
  graph.nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  for (size_t v = 0; v < graph.constants.size(); ++v) {
    if (!needed[v]) graph.constants[v].reset();
  }
}

std::vector<array> replay(const FlatGraph& graph, const std::vector<array>& inputs,
                          FunctionRef<std::vector<array>(const FlatGraph::Node&, std::vector<array>&&)> make) {
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
  for (const FlatGraph::Node& node : graph.nodes) {
    const std::vector<array> made = make(node, all(node.inputs));
    for (size_t i = 0; i < made.size(); ++i) values[static_cast<size_t>(node.outputs[i])] = made[i];
  }
  return all(graph.outputs);
}

std::vector<array> replay(const FlatGraph& graph, const std::vector<array>& inputs) {
  return replay(graph, inputs, [](const FlatGraph::Node& node, std::vector<array>&& operands) {
    return node.outputs.size() == 1 ? std::vector<array>{make_array(node.primitive, std::move(operands))}
                                    : make_arrays(node.primitive, std::move(operands));
  });
}

}  // namespace mica
