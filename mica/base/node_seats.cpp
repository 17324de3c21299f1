#include "mica/base/node_seats.h"

#include <algorithm>
#include <utility>

#include <sched.h>

namespace mica {
namespace {

std::vector<MemoryNode> put_own_first(std::vector<MemoryNode> nodes) {
  if (nodes.empty()) nodes.emplace_back();
  const int here = ::sched_getcpu();
  const auto own = std::ranges::find_if(
      nodes, [&](const MemoryNode& node) { return std::ranges::binary_search(node.processors, here); });
  if (own != nodes.end()) std::rotate(nodes.begin(), own, own + 1);
  return nodes;
}

}  // namespace

NodeSeats::NodeSeats(int threads, std::vector<MemoryNode> nodes) : nodes_(put_own_first(std::move(nodes))) {
  std::vector<NodePart> seated(nodes_.size());
  // Sainte-Laguë's rule: the next one goes where processors / (2 · threads + 1) is greatest.
  const auto has_more_room = [&](size_t a, size_t b) {
    const auto odd = [&](size_t node) { return 2 * static_cast<size_t>(seated[node].threads) + 1; };
    return nodes_[a].processors.size() * odd(b) > nodes_[b].processors.size() * odd(a);
  };
  parts_ = seated;
  for (int thread = 0; thread < threads; ++thread) {
    size_t best = 0;
    for (size_t node = 1; node < nodes_.size() && thread > 0; ++node) {
      if (has_more_room(node, best)) best = node;
    }
    seats_.push_back({best, seated[best].threads++});
    for (size_t node = best + 1; node < nodes_.size(); ++node) ++seated[node].first_thread;
    parts_.insert(parts_.end(), seated.begin(), seated.end());
  }
}

bool NodeSeats::fit(int threads, std::span<const int64_t> ends) const {
  if (ends.size() != nodes_.size()) return false;
  int64_t begin = 0;
  for (size_t node = 0; node < ends.size(); ++node) {
    if (std::exchange(begin, ends[node]) < ends[node] && part(node, threads, 0).threads == 0) return false;
  }
  return true;
}

NodePart NodeSeats::part_of_several(size_t node, int threads, int64_t count, std::span<const int64_t> ends) const {
  NodePart out = parts_[static_cast<size_t>(threads) * nodes_.size() + node];
  if (ends.empty()) {
    out.begin = out.first_thread * count / threads;
    out.end = (out.first_thread + out.threads) * count / threads;
  } else {
    out.begin = node == 0 ? 0 : ends[node - 1];
    out.end = ends[node];
  }
  return out;
}

}  // namespace mica
