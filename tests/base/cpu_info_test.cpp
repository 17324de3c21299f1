#include "mica/base/cpu_info.h"

#include <set>

#include <gtest/gtest.h>
#include <sched.h>

namespace mica {
namespace {

TEST(CpuInfo, UsableProcessorsAreTheAllowedOnes) {
  const std::vector<int> processors = usable_processors();
  cpu_set_t set;
  ASSERT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
  EXPECT_EQ(static_cast<int>(processors.size()), CPU_COUNT(&set));
  EXPECT_EQ(std::set<int>(processors.begin(), processors.end()).size(), processors.size());
  for (const int processor : processors) EXPECT_TRUE(CPU_ISSET(processor, &set));
}

TEST(CpuInfo, CoresFollowTheAffinity) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(usable_processors().front(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(usable_cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
  EXPECT_GE(usable_cores(), 1);
}

TEST(CpuInfo, IsaLevelsHaveNames) {
  EXPECT_EQ(isa_name(Isa::reference), "reference");
  EXPECT_EQ(isa_name(Isa::amx), "amx");
  EXPECT_LE(static_cast<int>(active_isa()), static_cast<int>(detected_isa()));
}

TEST(CpuInfo, MemoryIsKnown) {
  EXPECT_GT(memory_limit_bytes(), size_t{1} << 26);
}

}  // namespace
}  // namespace mica
