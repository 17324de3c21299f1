// Fusion of element-by-element nodes. A node joins the group of its consumers when they all are in one group, so a
// group has one output, its root, and no value that is needed elsewhere is lost.
#include <algorithm>
#include <map>

#include "mica/array/evaluate.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"
#include "mica/transforms/flat_graph.h"
#include "mica/transforms/fused.h"

namespace mica {
namespace {

/// Steps and inputs of a group at most: their blocks should stay in the second-level cache.
constexpr size_t kMaxSteps = 64;
constexpr size_t kMaxInputs = 24;

bool is_elementwise(const Primitive& primitive) {
  const PrimitiveId id = primitive.id();
  return id == Unary::static_id() || id == Binary::static_id() || id == Select::static_id() ||
         id == AsType::static_id();
}

class Fuser {
 public:
  explicit Fuser(FlatGraph& graph)
      : graph_(graph),
        maker_(graph.values.size(), -1),
        consumers_(graph.values.size()),
        group_(graph.nodes.size(), -1) {
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      for (const int output : graph.nodes[n].outputs) maker_[static_cast<size_t>(output)] = static_cast<int>(n);
      for (const int input : graph.nodes[n].inputs) consumers_[static_cast<size_t>(input)].push_back(n);
    }
    is_output_.assign(graph.values.size(), false);
    for (const int output : graph.outputs) is_output_[static_cast<size_t>(output)] = true;
  }

  void run() {
    for (size_t n = graph_.nodes.size(); n-- > 0;) {
      if (is_elementwise(*graph_.nodes[n].primitive)) assign(n);
    }
    std::vector<FlatGraph::Node> nodes;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const int group = group_[n];
      if (group < 0) {
        nodes.push_back(graph_.nodes[n]);
      } else if (groups_[static_cast<size_t>(group)].root == n) {
        nodes.push_back(make_node(groups_[static_cast<size_t>(group)]));
      }
    }
    graph_.nodes = std::move(nodes);
    drop_dead_nodes(graph_);
  }

 private:
  struct Group {
    size_t root;
    std::vector<size_t> members;  ///< from the root backwards
    size_t inputs;                ///< an upper bound
  };

  const OutputSpec& spec(int value) const { return graph_.values[static_cast<size_t>(value)]; }

  void assign(size_t n) {
    const FlatGraph::Node& node = graph_.nodes[n];
    const int group = group_of_consumers(node);
    if (group >= 0) {
      Group& joined = groups_[static_cast<size_t>(group)];
      const FlatGraph::Node& root = graph_.nodes[joined.root];
      const bool fits = spec(root.outputs[0]).shape == spec(node.outputs[0]).shape &&
                        root.primitive->stream() == node.primitive->stream() && joined.members.size() < kMaxSteps &&
                        joined.inputs + node.inputs.size() - 1 <= kMaxInputs;
      if (fits) {
        joined.members.push_back(n);
        joined.inputs += node.inputs.size() - 1;
        group_[n] = group;
        return;
      }
    }
    group_[n] = static_cast<int>(groups_.size());
    groups_.push_back({n, {n}, node.inputs.size()});
  }

  /// The one group of all consumers; −1 if there is none or the value is wanted by itself.
  int group_of_consumers(const FlatGraph::Node& node) const {
    const auto value = static_cast<size_t>(node.outputs[0]);
    if (is_output_[value] || consumers_[value].empty()) return -1;
    const int first = group_[consumers_[value][0]];
    for (const size_t consumer : consumers_[value]) {
      if (group_[consumer] != first) return -1;
    }
    return first;
  }

  /// What the group reads instead of a value that only repeats another one's elements.
  int without_broadcast(int value) {
    const auto v = static_cast<size_t>(value);
    if (maker_[v] >= 0) {
      const FlatGraph::Node& maker = graph_.nodes[static_cast<size_t>(maker_[v])];
      return maker.primitive->id() == Broadcast::static_id() ? maker.inputs[0] : value;
    }
    const std::optional<array> held = graph_.constants[v];
    if (!held) return value;
    const array& constant = *held;
    const GraphLock lock;
    if (constant.is_available() || !constant.has_primitive() || constant.primitive().id() != Broadcast::static_id()) {
      return value;
    }
    const auto [found, is_new] = unrepeated_.try_emplace(constant.inputs()[0].id(), 0);
    if (is_new) {
      const array& source = constant.inputs()[0];
      found->second = graph_.add_value({source.shape(), source.dtype()}, source);
    }
    return found->second;
  }

  FlatGraph::Node make_node(const Group& group) {
    const FlatGraph::Node& root = graph_.nodes[group.root];
    std::vector<size_t> members(group.members.rbegin(), group.members.rend());
    std::map<int, int> member_values;  // value → step
    for (size_t i = 0; i < members.size(); ++i) {
      member_values[graph_.nodes[members[i]].outputs[0]] = static_cast<int>(i);
    }
    FlatGraph::Node fused{nullptr, {}, root.outputs};
    std::map<int, int> input_numbers;  // value → input of the fused node
    for (const size_t member : members) {
      for (const int input : graph_.nodes[member].inputs) {
        if (member_values.contains(input)) continue;
        const int source = without_broadcast(input);
        if (std::find(fused.inputs.begin(), fused.inputs.end(), source) == fused.inputs.end()) {
          fused.inputs.push_back(source);
        }
        const auto place = std::find(fused.inputs.begin(), fused.inputs.end(), source);
        input_numbers[input] = static_cast<int>(place - fused.inputs.begin());
      }
    }
    if (members.size() == 1 && fused.inputs == root.inputs) return root;
    const int count = static_cast<int>(fused.inputs.size());
    std::vector<Fused::Step> steps;
    for (const size_t member : members) {
      const FlatGraph::Node& node = graph_.nodes[member];
      Fused::Step step{node.primitive, {}, spec(node.outputs[0]).dtype};
      for (const int input : node.inputs) {
        const auto found = member_values.find(input);
        step.inputs.push_back(found != member_values.end() ? count + found->second : input_numbers.at(input));
      }
      steps.push_back(std::move(step));
    }
    fused.primitive = std::make_shared<Fused>(root.primitive->stream(), std::move(steps), spec(root.outputs[0]).shape);
    return fused;
  }

  FlatGraph& graph_;
  std::vector<int> maker_;
  std::vector<std::vector<size_t>> consumers_;
  std::vector<int> group_;
  std::vector<bool> is_output_;
  std::vector<Group> groups_;
  std::map<std::uintptr_t, int> unrepeated_;
};

}  // namespace

std::vector<array> Fused::expand(const std::vector<array>& inputs) const {
  std::vector<array> values;
  values.reserve(inputs.size() + steps.size());
  for (const array& input : inputs) values.push_back(broadcast_to(input, shape, stream()));
  for (const Step& step : steps) {
    std::vector<array> operands;
    operands.reserve(step.inputs.size());
    for (const int input : step.inputs) operands.push_back(values[static_cast<size_t>(input)]);
    values.push_back(make_array(step.primitive, std::move(operands)));
  }
  return {values.back()};
}

void fuse(FlatGraph& graph) {
  Fuser(graph).run();
}

}  // namespace mica
