#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "mica/base/small_vector.h"

namespace mica::cpu {

/// Panels of a slice.
struct PanelRange {
  int64_t first = 0;
  int64_t count = 0;
  bool operator==(const PanelRange&) const = default;
};

/// The panels of a matrix that lie on one memory node: the same ones of every slice, slice by slice.
struct NodePanels {
  PanelRange range;
  uint8_t* data = nullptr;
};

/// The order in which a loop passes over the panels of some matrices, several times: first all that lie on the first
/// node, each time, then those on the next one, so that a node's threads can have what lies there.
class PanelOrder {
 public:
  using Matrices = SmallVector<std::span<const NodePanels>>;

  PanelOrder(Matrices matrices, int64_t times) : matrices_(std::move(matrices)), times_(times) {
    size_t nodes = 0;
    for (const std::span<const NodePanels> parts : matrices_) nodes = std::max(nodes, parts.size());
    int64_t end = 0;
    for (size_t node = 0; node < nodes; ++node) {
      for (const std::span<const NodePanels> parts : matrices_) end += times * on_node(parts, node).count;
      ends_.push_back(end);
    }
  }

  /// Where what lies on each node ends; the last one is the number of iterations.
  std::span<const int64_t> node_ends() const { return {ends_.data(), ends_.size()}; }
  int64_t count() const { return ends_.empty() ? 0 : ends_.back(); }

  /// Calls run(time, matrix, panels) for the iterations begin … end − 1, panels that lie together at once.
  template <typename Run>
  void visit(int64_t begin, int64_t end, Run run) const {
    for (size_t node = 0; begin < end; ++node) {
      const int64_t start = node == 0 ? 0 : ends_[node - 1];
      const int64_t panels = (ends_[node] - start) / std::max<int64_t>(1, times_);
      while (begin < std::min(end, ends_[node])) {
        int64_t before = (begin - start) % panels;
        size_t which = 0;
        for (; before >= on_node(matrices_[which], node).count; ++which) {
          before -= on_node(matrices_[which], node).count;
        }
        const PanelRange lying = on_node(matrices_[which], node);
        const int64_t count = std::min(end - begin, lying.count - before);
        run((begin - start) / panels, which, PanelRange{lying.first + before, count});
        begin += count;
      }
    }
  }

 private:
  static PanelRange on_node(std::span<const NodePanels> parts, size_t node) {
    return node < parts.size() ? parts[node].range : PanelRange();
  }

  Matrices matrices_;
  int64_t times_;
  SmallVector<int64_t> ends_;
};

}  // namespace mica::cpu
