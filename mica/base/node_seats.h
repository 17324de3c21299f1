#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mica/base/topology.h"

namespace mica {

/// What the threads of a node have of a loop.
struct NodePart {
  int first_thread = 0;  ///< of the loop's, which are numbered node by node
  int threads = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

/// The memory nodes of a pool's threads. The first n threads, for any n, are spread over the nodes in proportion to
/// their processors.
class NodeSeats {
 public:
  struct Seat {
    size_t node = 0;
    int number = 0;  ///< among the threads of the node
  };

  /// The node on which the calling thread runs is put first, and thread 0, which stands for it, has its first seat.
  /// Without nodes there is one without processors.
  NodeSeats(int threads, std::vector<MemoryNode> nodes);

  std::span<const MemoryNode> nodes() const { return nodes_; }
  const Seat& seat(int thread) const { return seats_[static_cast<size_t>(thread)]; }

  /// Whether `ends` names an end for each node, and every part has one of the first `threads` threads.
  bool fit(int threads, std::span<const int64_t> ends) const;

  /// A node's part of `count` iterations for the first `threads` threads: as `ends` says, or without those in
  /// proportion to what the node has of the threads.
  NodePart part(size_t node, int threads, int64_t count, std::span<const int64_t> ends = {}) const {
    if (nodes_.size() == 1) return {0, threads, 0, count};
    return part_of_several(node, threads, count, ends);
  }

 private:
  NodePart part_of_several(size_t node, int threads, int64_t count, std::span<const int64_t> ends) const;

  std::vector<MemoryNode> nodes_;
  std::vector<Seat> seats_;
  std::vector<NodePart> parts_;  // without iterations: of all nodes for no thread, for one, …
};

}  // namespace mica
