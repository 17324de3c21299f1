#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

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
  const uint8_t* data = nullptr;
};

/// The order in which a loop passes over the panels of some matrices, several times: first all that lie on the first
/// node, each time, then those on the next one, so that a node's threads can have what lies there.
class PanelOrder {
 public:
  using Matrices = SmallVector<std::span<const NodePanels>, 3>;

  PanelOrder(const Matrices& matrices, int64_t times)
      : matrices_(matrices.size()),
        panels_(count_nodes(matrices)),
        ends_(panels_.size()),
        ranges_(panels_.size() * matrices_) {
    int64_t end = 0;
    for (size_t node = 0; node < panels_.size(); ++node) {
      for (size_t i = 0; i < matrices_; ++i) {
        if (node >= matrices[i].size()) continue;
        ranges_[node * matrices_ + i] = matrices[i][node].range;
        panels_[node] += matrices[i][node].range.count;
      }
      ends_[node] = end += times * panels_[node];
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
      const PanelRange* const ranges = ranges_.data() + node * matrices_;
      while (begin < std::min(end, ends_[node])) {
        const int64_t time = (begin - start) / panels_[node];
        int64_t before = begin - start - time * panels_[node];
        size_t which = 0;
        for (; before >= ranges[which].count; ++which) before -= ranges[which].count;
        const int64_t count = std::min(end - begin, ranges[which].count - before);
        run(time, which, PanelRange{ranges[which].first + before, count});
        begin += count;
      }
    }
  }

 private:
  static size_t count_nodes(const Matrices& matrices) {
    size_t nodes = 0;
    for (const std::span<const NodePanels> parts : matrices) nodes = std::max(nodes, parts.size());
    return nodes;
  }

  size_t matrices_;
  SmallVector<int64_t, 1> panels_;  // of all matrices on each node
  SmallVector<int64_t, 1> ends_;
  SmallVector<PanelRange, 3> ranges_;  // [node][matrix]; copied, since loops read them more than once
};

}  // namespace mica::cpu
