#include "mica/base/thread_pool.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/two_nodes.h"

namespace mica {
namespace {

TEST(ThreadPool, RunsEveryIterationOnce) {
  ThreadPool pool(4);
  for (const int64_t count : {0, 1, 2, 3, 7, 64, 1000, 12345}) {
    for (const int64_t grain : {1, 3, 64, 100000}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
      pool.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
        EXPECT_TRUE(begin % grain == 0);
        EXPECT_TRUE(end == count || end % grain == 0);
        for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
      });
      for (const auto& hit : hits) EXPECT_EQ(hit, 1);
    }
  }
}

TEST(ThreadPool, ManyShortLoopsInARow) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum = 0;
  // Loops of few and of many iterations are cut into different numbers of chunks.
  for (int i = 0; i < 20000; ++i) {
    pool.parallel_for(i % 2 == 0 ? 7 : 300, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
  }
  EXPECT_EQ(sum, (7 + 300) * 10000);
}

TEST(ThreadPool, ThrowsWhatABodyThrows) {
  ThreadPool pool(4);
  EXPECT_THROW(pool.parallel_for(100, 1,
                                 [](int64_t begin, int64_t) {
                                   if (begin > 50) throw std::range_error("x");
                                 }),
               std::range_error);
  int64_t after = 0;
  pool.parallel_for(1, 1, [&](int64_t, int64_t end) { after = end; });
  EXPECT_EQ(after, 1);
}

TEST(ThreadPool, LoopsNestAndRunFromSeveralThreads) {
  ThreadPool pool(2);
  std::atomic<int64_t> sum = 0;
  const auto run = [&] {
    for (int i = 0; i < 500; ++i) {
      pool.parallel_for(8, 1, [&](int64_t begin, int64_t end) {
        pool.parallel_for(end - begin, 1, [&](int64_t b, int64_t e) { sum += e - b; });
      });
    }
  };
  std::thread other(run);
  run();
  other.join();
  EXPECT_EQ(sum, 2 * 500 * 8);
}

TEST(ThreadPool, LimitHolds) {
  ThreadPool pool(4);
  pool.limit(1);
  EXPECT_EQ(pool.size(), 1);
  const auto self = std::this_thread::get_id();
  pool.parallel_for(100, 1, [&](int64_t, int64_t) { EXPECT_EQ(std::this_thread::get_id(), self); });
  pool.limit(0);
  EXPECT_EQ(pool.size(), 4);
}

TEST(ThreadPool, ALimitOfAScopeEndsWithIt) {
  ThreadPool pool(4);
  pool.limit(3);
  {
    const ThreadLimit limit(pool, 2);
    EXPECT_EQ(pool.size(), 2);
    const ThreadLimit none(pool, 0);
    EXPECT_EQ(pool.size(), 2);
  }
  EXPECT_EQ(pool.size(), 3);
}

/// What each of a pool's threads may run on, in the order of their parts of a loop: each waits in its iteration until
/// all have theirs.
std::vector<std::vector<int>> masks(ThreadPool& pool) {
  std::vector<std::vector<int>> out(static_cast<size_t>(pool.size()));
  std::atomic<int> arrived = 0;
  pool.parallel_for(pool.size(), 1, [&](int64_t begin, int64_t end) {
    EXPECT_EQ(end, begin + 1);
    out[static_cast<size_t>(begin)] = test::allowed_processors();
    ++arrived;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (arrived < pool.size() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_EQ(arrived, pool.size());
  });
  return out;
}

TEST(ThreadPoolNodes, WorkersRunOnTheirNodeAndTheCallerAnywhere) {
  const std::vector<MemoryNode> nodes = test::two_nodes();
  if (nodes.size() != 2) GTEST_SKIP() << "two processors are needed";
  const std::vector<int> before = test::allowed_processors();
  ThreadPool pool(6, nodes);
  ASSERT_EQ(pool.nodes().size(), 2u);
  const std::vector<int> first = pool.nodes()[0].processors;
  const std::vector<int> second = pool.nodes()[1].processors;
  EXPECT_EQ(masks(pool), (std::vector<std::vector<int>>{before, first, first, second, second, second}));
  pool.limit(4);
  EXPECT_EQ(masks(pool), (std::vector<std::vector<int>>{before, first, second, second}));
  pool.limit(2);
  EXPECT_EQ(masks(pool), (std::vector<std::vector<int>>{before, second}));
  EXPECT_EQ(test::allowed_processors(), before);
}

TEST(ThreadPoolNodes, NothingIsBoundToASingleNode) {
  const std::vector<int> before = test::allowed_processors();
  if (before.size() < 2) GTEST_SKIP() << "two processors are needed";
  ThreadPool pool(3, {{0, {before.front()}}});
  EXPECT_EQ(masks(pool), (std::vector<std::vector<int>>{before, before, before}));
  ThreadPool plain(3);
  EXPECT_EQ(masks(plain), (std::vector<std::vector<int>>{before, before, before}));
}

TEST(ThreadPoolNodes, EndsAreInProportionToAllThreadsAndKnowNoLimit) {
  const std::vector<MemoryNode> nodes = test::two_nodes();
  if (nodes.size() != 2) GTEST_SKIP() << "two processors are needed";
  ThreadPool pool(5, nodes);
  EXPECT_EQ(pool.node_ends(100), (std::vector<int64_t>{60, 100}));
  pool.limit(1);
  EXPECT_EQ(pool.node_ends(100), (std::vector<int64_t>{60, 100}));
  EXPECT_EQ(ThreadPool(5).node_ends(100), std::vector<int64_t>{100});
}

TEST(ThreadPoolNodes, RequiredIterationsStayAtHome) {
  const std::vector<MemoryNode> nodes = test::two_nodes();
  if (nodes.size() != 2) GTEST_SKIP() << "two processors are needed";
  ThreadPool pool(4, nodes);
  for (int limit = 1; limit <= 4; ++limit) {
    pool.limit(limit);
    for (const std::vector<int64_t>& ends :
         {std::vector<int64_t>{10, 100}, {90, 100}, {100, 100}, {0, 100}, {0, 3}, {0, 1}, {1, 1}}) {
      std::vector<std::atomic<int>> hits(100);
      pool.parallel_for(ends, ThreadPool::Home::required, [&](int64_t begin, int64_t end) {
        const size_t node = test::own_node(pool.nodes());
        // Whoever is done early finds the slower node's iterations waiting.
        if (node == 1) std::this_thread::sleep_for(std::chrono::microseconds(300));
        for (int64_t i = begin; i < end; ++i) {
          EXPECT_EQ(node, i < ends[0] ? 0u : 1u) << i;
          ++hits[static_cast<size_t>(i)];
        }
      });
      for (int64_t i = 0; i < ends.back(); ++i) EXPECT_EQ(hits[static_cast<size_t>(i)], 1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the next limit finds workers asleep
  }
}

TEST(ThreadPoolNodes, PreferredIterationsAreTakenOver) {
  const std::vector<MemoryNode> nodes = test::two_nodes();
  if (nodes.size() != 2) GTEST_SKIP() << "two processors are needed";
  ThreadPool pool(2, nodes);
  // All iterations are the worker's, but the first to get one waits for the other thread to get one too.
  std::mutex mutex;
  std::set<size_t> seen;
  const std::vector<int64_t> ends = {0, 6};
  pool.parallel_for(ends, ThreadPool::Home::preferred, [&](int64_t, int64_t) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto count = [&] {
      const std::lock_guard lock(mutex);
      seen.insert(test::own_node(pool.nodes()));
      return seen.size();
    };
    while (count() < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  });
  EXPECT_EQ(seen.size(), 2u);
}

TEST(ThreadPoolNodes, GivenEndsThatDoNotFitCountForNothing) {
  const std::vector<MemoryNode> nodes = test::two_nodes();
  if (nodes.size() != 2) GTEST_SKIP() << "two processors are needed";
  ThreadPool pool(4, nodes);
  for (const int limit : {4, 1}) {
    pool.limit(limit);
    for (const std::vector<int64_t>& ends : {std::vector<int64_t>{}, {0}, {7}, {3, 5, 9}, {4, 9}}) {
      std::atomic<int64_t> sum = 0;
      pool.parallel_for(ends, ThreadPool::Home::required, [&](int64_t begin, int64_t end) { sum += end - begin; });
      EXPECT_EQ(sum, ends.empty() ? 0 : ends.back());
    }
  }
}

}  // namespace
}  // namespace mica
