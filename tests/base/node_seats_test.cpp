#include "mica/base/node_seats.h"

#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace mica {
namespace {

/// Nodes of so many processors; their numbers are above those of any machine, so that no node is the caller's.
std::vector<MemoryNode> nodes_of(const std::vector<int>& sizes) {
  std::vector<MemoryNode> nodes;
  int next = 1 << 19;
  for (const int size : sizes) {
    nodes.push_back({static_cast<int>(nodes.size()), std::vector<int>(static_cast<size_t>(size))});
    std::iota(nodes.back().processors.begin(), nodes.back().processors.end(), next);
    next += size;
  }
  return nodes;
}

TEST(NodeSeats, AreInProportionToTheProcessorsWhateverTheNumberOfThreads) {
  for (const std::vector<int>& sizes :
       std::vector<std::vector<int>>{{8}, {8, 8}, {16, 8}, {2, 14}, {12, 12, 12, 12}, {5, 4, 7}}) {
    const int all = std::accumulate(sizes.begin(), sizes.end(), 0);
    const NodeSeats seats(all, nodes_of(sizes));
    EXPECT_EQ(seats.seat(0).node, 0u);
    for (int threads = 1; threads <= all; ++threads) {
      int64_t end = 0;
      int first = 0;
      for (size_t node = 0; node < sizes.size(); ++node) {
        const NodePart part = seats.part(node, threads, 1000 * threads);
        EXPECT_EQ(part.begin, end);
        EXPECT_EQ(part.first_thread, first);
        EXPECT_EQ(part.end - part.begin, 1000 * part.threads);
        // Thread 0 has to be on the first node, which may have one too many then.
        EXPECT_LE(std::abs(part.threads - static_cast<double>(threads) * sizes[node] / all), 1.0) << threads;
        end = part.end;
        first += part.threads;
      }
      EXPECT_EQ(end, 1000 * threads);
      EXPECT_EQ(first, threads);
    }
    for (size_t node = 0; node < sizes.size(); ++node) EXPECT_EQ(seats.part(node, all, all).threads, sizes[node]);
  }
}

TEST(NodeSeats, OfANodeAreNumberedInOrder) {
  const NodeSeats seats(12, nodes_of({4, 8}));
  std::vector<int> next(2);
  for (int thread = 0; thread < 12; ++thread) EXPECT_EQ(seats.seat(thread).number, next[seats.seat(thread).node]++);
}

TEST(NodeSeats, TakeGivenPartsOnlyWithAThreadForEach) {
  const NodeSeats seats(4, nodes_of({2, 2}));
  const std::vector<int64_t> ends = {3, 10};
  EXPECT_TRUE(seats.fit(4, ends));
  EXPECT_EQ(seats.part(0, 4, 10, ends).begin, 0);
  EXPECT_EQ(seats.part(0, 4, 10, ends).end, 3);
  EXPECT_EQ(seats.part(1, 4, 10, ends).begin, 3);
  EXPECT_EQ(seats.part(1, 4, 10, ends).end, 10);
  EXPECT_EQ(seats.part(1, 4, 10, ends).first_thread, 2);
  EXPECT_TRUE(seats.fit(1, std::vector<int64_t>{10, 10}));
  EXPECT_FALSE(seats.fit(1, ends));
  EXPECT_FALSE(seats.fit(4, std::vector<int64_t>{10}));
  EXPECT_FALSE(seats.fit(4, std::vector<int64_t>{1, 2, 10}));
  EXPECT_FALSE(seats.fit(4, {}));
}

TEST(NodeSeats, TheCallersNodeComesFirst) {
  std::vector<MemoryNode> nodes = nodes_of({2, 2, 2});
  // Wherever this thread is, it is on the last node.
  nodes[2].processors.resize(1 << 12);
  std::iota(nodes[2].processors.begin(), nodes[2].processors.end(), 0);
  const NodeSeats seats(3, nodes);
  EXPECT_EQ(seats.nodes()[0].id, 2);
  EXPECT_EQ(seats.nodes()[1].id, 0);
  EXPECT_EQ(seats.nodes()[2].id, 1);
  EXPECT_EQ(NodeSeats(3, {}).nodes().size(), 1u);
}

}  // namespace
}  // namespace mica
