#include "mica/base/read_ahead.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "mica/base/thread_pool.h"

namespace mica {
namespace {

constexpr std::array<std::byte, 1 << 20> kMemory = {};

/// Everything that is asked for, in its order: places in kMemory, pieces that lie behind each other joined.
std::vector<std::pair<int64_t, int64_t>> asked_for(ReadAhead ahead) {
  std::vector<std::pair<int64_t, int64_t>> out;
  for (auto piece = ahead.step(); !piece.empty(); piece = ahead.step()) {
    EXPECT_LE(piece.size(), 1024u);
    const int64_t begin = piece.data() - kMemory.data();
    const int64_t end = begin + static_cast<int64_t>(piece.size());
    if (!out.empty() && out.back().second == begin) {
      out.back().second = end;
    } else {
      out.emplace_back(begin, end);
    }
  }
  EXPECT_TRUE(ahead.step().empty());
  return out;
}

using Places = std::vector<std::pair<int64_t, int64_t>>;

TEST(ReadAhead, AsksForWhatTheIterationsRead) {
  // Iterations 0 to 3 read 3,000 bytes each and another 100 elsewhere, 4 to 9 read 500.
  LoopReads reads;
  reads.ranges = {{.first = 0, .count = 4, .data = kMemory.data(), .bytes = 3000},
                  {.first = 0, .count = 4, .data = kMemory.data() + 100000, .bytes = 100},
                  {.first = 4, .count = 6, .data = kMemory.data() + 50000, .bytes = 500}};
  EXPECT_EQ(asked_for({reads, 0, 10}), (Places{{0, 12000}, {100000, 100400}, {50000, 53000}}));
  EXPECT_EQ(asked_for({reads, 3, 6}), (Places{{9000, 12000}, {100300, 100400}, {50000, 51000}}));
  EXPECT_EQ(asked_for({reads, 5, 9}), (Places{{50500, 52500}}));
  EXPECT_EQ(asked_for({reads, 4, 4}), Places());
  EXPECT_EQ(asked_for({}), Places());
}

TEST(ReadAhead, LeavesRoomInTheCache) {
  LoopReads reads;
  reads.ranges = {{.first = 0, .count = 10, .data = kMemory.data(), .bytes = 20000},
                  {.first = 10, .count = 10, .data = kMemory.data() + 500000, .bytes = 20000}};
  EXPECT_EQ(asked_for({reads, 0, 20}), (Places{{0, 200000}, {500000, 500000 + ReadAhead::kMostBytes - 200000}}));
}

// What a loop announces may never come, and be gone while threads still wait for it.
TEST(ReadAhead, MemoryMayBeGone) {
  constexpr size_t kBytes = 1 << 20;
  ThreadPool pool(3);
  for (int i = 0; i < 200; ++i) {
    void* memory = ::mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    {
      LoopReads reads;
      reads.ranges = {{.first = 0, .count = 1024, .data = static_cast<const std::byte*>(memory), .bytes = 1024}};
      reads.node_ends = {1024};
      const std::vector<int64_t> ends = pool.node_ends(64);
      std::vector<int> hits(64, 0);
      const auto body = [&](int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; ++j) ++hits[static_cast<size_t>(j)];
      };
      pool.parallel_for(ends, ThreadPool::Home::preferred, body, &reads);
      EXPECT_EQ(hits, std::vector<int>(64, 1));
    }
    ::munmap(memory, kBytes);
  }
}

}  // namespace
}  // namespace mica
