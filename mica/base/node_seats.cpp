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

void NodeSeats::copy_parts(int threads, std::span<NodePart> parts) const {
  std::copy_n(&parts_[static_cast<size_t>(threads) * nodes_.size()], nodes_.size(), parts.begin());
}

void NodeSeats::divide(int threads, int64_t count, std::span<NodePart> parts) const {
  copy_parts(threads, parts);
  for (NodePart& part : parts) {
    part.begin = part.first_thread * count / threads;
    part.end = (part.first_thread + part.threads) * count / threads;
  }
}

bool NodeSeats::assign(int threads, std::span<const int64_t> ends, std::span<NodePart> parts) const {
  if (ends.size() != nodes_.size()) return false;
  copy_parts(threads, parts);
  int64_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    parts[i].begin = std::exchange(begin, ends[i]);
    parts[i].end = ends[i];
    if (parts[i].begin < parts[i].end && parts[i].threads == 0) return false;
  }
  return true;
}

}  // namespace mica
