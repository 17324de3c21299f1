#include "mica/base/thread_pool.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

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
  for (int i = 0; i < 20000; ++i) {
    pool.parallel_for(7, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
  }
  EXPECT_EQ(sum, 7 * 20000);
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

}  // namespace
}  // namespace mica
