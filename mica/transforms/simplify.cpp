// Simplification of a captured function.
#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "mica/array/evaluate.h"
#include "mica/ops/graph.h"
#include "mica/ops/shape.h"
#include "mica/transforms/custom_function.h"
#include "mica/transforms/flat_graph.h"

namespace mica {
namespace {

/// Which value stands for each value.
class Merger {
 public:
  explicit Merger(FlatGraph& graph) : graph_(graph), merged_(graph.values.size()) {
    std::iota(merged_.begin(), merged_.end(), 0);
  }

  void run() {
    merge_constants();
    std::vector<FlatGraph::Node> kept;
    for (FlatGraph::Node& node : graph_.nodes) {
      for (int& input : node.inputs) input = merged_[static_cast<size_t>(input)];
      if (!hands_on(node) && !merge(node, kept)) {
        places_[key(node)].push_back(kept.size());
        kept.push_back(std::move(node));
      }
    }
    graph_.nodes = std::move(kept);
    for (int& output : graph_.outputs) output = merged_[static_cast<size_t>(output)];
  }

 private:
  using Key = std::pair<PrimitiveId, std::vector<int>>;

  static Key key(const FlatGraph::Node& node) { return {node.primitive->id(), node.inputs}; }

  void replace(int value, int by) { merged_[static_cast<size_t>(value)] = by; }

  static bool is_known_scalar(const array& a) { return a.size() == 1 && a.is_available(); }

  static bool is_same_constant(const array& a, const array& b) {
    if (a.id() == b.id()) return true;
    if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
    if (is_known_scalar(a) && is_known_scalar(b)) {
      return std::memcmp(a.data<std::byte>(), b.data<std::byte>(), a.itemsize()) == 0;
    }
    // A scalar that is broadcast.
    const auto broadcasts = [](const array& c) {
      return !c.is_available() && c.has_primitive() && c.primitive().id() == Broadcast::static_id();
    };
    return broadcasts(a) && broadcasts(b) && is_same_constant(a.inputs()[0], b.inputs()[0]);
  }

  void merge_constants() {
    const GraphLock lock;
    std::vector<int> different;
    for (size_t v = 0; v < graph_.constants.size(); ++v) {
      if (!graph_.constants[v]) continue;
      const auto same = std::find_if(different.begin(), different.end(), [&](int other) {
        return is_same_constant(*graph_.constants[static_cast<size_t>(other)], *graph_.constants[v]);
      });
      if (same == different.end()) {
        // Large graphs have few constants; the limit keeps odd ones from taking time squared.
        if (different.size() < 256) different.push_back(static_cast<int>(v));
      } else {
        replace(static_cast<int>(v), *same);
      }
    }
  }

  /// Nodes whose outputs are inputs of theirs.
  bool hands_on(const FlatGraph::Node& node) {
    const PrimitiveId id = node.primitive->id();
    size_t first = 0;
    if (id == CustomFunction::static_id()) {
      first = static_cast<const CustomFunction&>(*node.primitive).arguments;
    } else if (id != Alias::static_id() && id != StopGradient::static_id()) {
      return false;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) replace(node.outputs[i], node.inputs[first + i]);
    return true;
  }

  /// Whether an earlier node computes the same; its outputs then stand for this one's.
  bool merge(const FlatGraph::Node& node, const std::vector<FlatGraph::Node>& kept) {
    const auto candidates = places_.find(key(node));
    if (candidates == places_.end()) return false;
    for (const size_t place : candidates->second) {
      if (!node.primitive->is_equivalent(*kept[place].primitive)) continue;
      for (size_t i = 0; i < node.outputs.size(); ++i) replace(node.outputs[i], kept[place].outputs[i]);
      return true;
    }
    return false;
  }

  FlatGraph& graph_;
  std::vector<int> merged_;
  std::map<Key, std::vector<size_t>> places_;
};

}  // namespace

void simplify(FlatGraph& graph) {
  Merger(graph).run();
  drop_dead_nodes(graph);
}

}  // namespace mica
