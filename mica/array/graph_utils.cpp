#include "mica/array/graph_utils.h"

#include <algorithm>
#include <ostream>
#include <unordered_set>

#include "mica/array/evaluate.h"
#include "mica/array/primitive.h"

namespace mica {
namespace {

struct Graph {
  /// Arrays that no primitive makes.
  std::vector<array> inputs;
  /// One output of each primitive, every one behind those that it needs.
  std::vector<array> nodes;
};

Graph graph_of(const std::vector<array>& outputs) {
  struct Frame {
    array node;
    size_t next_input;
  };
  Graph graph;
  std::unordered_set<std::uintptr_t> seen;
  std::vector<Frame> stack;
  const auto enter = [&](const array& a) {
    if (!seen.insert(a.id()).second) return;
    if (!a.has_primitive()) {
      graph.inputs.push_back(a);
      return;
    }
    for (const array& sibling : a.outputs()) seen.insert(sibling.id());
    stack.push_back({a, 0});
  };
  for (const array& output : outputs) {
    enter(output);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next_input < top.node.inputs().size()) {
        const array input = top.node.inputs()[top.next_input++];
        enter(input);
      } else {
        graph.nodes.push_back(top.node);
        stack.pop_back();
      }
    }
  }
  return graph;
}

std::string described(NodeNamer& namer, const array& a) {
  std::string out = namer.get_name(a) + " [" + to_string(a.shape()) + ", ";
  return out.append(dtype_name(a.dtype())) + "]";
}

std::string listed(NodeNamer& namer, const std::vector<array>& arrays) {
  std::string out;
  for (const array& a : arrays) out += (out.empty() ? "" : ", ") + described(namer, a);
  return out;
}

}  // namespace

const std::string& NodeNamer::get_name(const array& x) {
  const auto [found, is_new] = names.try_emplace(x.id());
  if (is_new) {
    // A … Z, AA, AB …: numbers to the base 26 without a zero.
    for (size_t n = names.size(); n > 0; n = (n - 1) / 26) found->second += static_cast<char>('A' + (n - 1) % 26);
    std::ranges::reverse(found->second);
  }
  return found->second;
}

void NodeNamer::set_name(const array& x, std::string name) {
  names.insert_or_assign(x.id(), std::move(name));
}

void print_graph(std::ostream& os, NodeNamer namer, const std::vector<array>& outputs) {
  const GraphLock lock;
  const Graph graph = graph_of(outputs);
  os << "inputs: " << listed(namer, graph.inputs) << "\n";
  for (const array& node : graph.nodes) {
    os << node.primitive().name() << ": " << listed(namer, node.inputs()) << " -> " << listed(namer, node.outputs())
       << "\n";
  }
  os << "outputs: " << listed(namer, outputs) << "\n";
}

void export_to_dot(std::ostream& os, NodeNamer namer, const std::vector<array>& outputs) {
  const GraphLock lock;
  const Graph graph = graph_of(outputs);
  os << "digraph {\n";
  for (const array& input : graph.inputs) os << "  \"" << namer.get_name(input) << "\" [shape=ellipse];\n";
  size_t number = 0;
  for (const array& node : graph.nodes) {
    const std::string name = "op" + std::to_string(number++);
    os << "  " << name << " [label=\"" << node.primitive().name() << "\", shape=box];\n";
    for (const array& input : node.inputs()) os << "  \"" << namer.get_name(input) << "\" -> " << name << ";\n";
    for (const array& output : node.outputs()) os << "  " << name << " -> \"" << namer.get_name(output) << "\";\n";
  }
  os << "}\n";
}

}  // namespace mica
