// Operations over a group of processes: of one, and of three that mpirun starts with this program's DISABLED_ tests.
#include <array>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "mica/distributed/ops.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "mica/transforms/transforms.h"
#include "tests/distributed/expect_equal.h"

namespace mica::distributed {
namespace {

TEST(GroupOfOne, GivesTheArgumentBack) {
  const Group group = init();
  EXPECT_EQ(group.rank(), 0);
  EXPECT_EQ(group.size(), 1);
  const array x({1.0f, 2.0f});
  for (const auto& op : {all_sum, all_max, all_min, all_gather, sum_scatter}) expect_equal(op(x, group, {}), x);
  EXPECT_THROW(send(x, 0), std::invalid_argument);
  EXPECT_THROW(recv({2}, float32, 0), std::invalid_argument);
  EXPECT_THROW(group.split(0), std::invalid_argument);
  EXPECT_THROW(init(true), std::runtime_error);
  EXPECT_THROW(init(false, "carrier pigeon"), std::invalid_argument);
}

TEST(Mpi, ThreeProcesses) {
  // Open MPI does not free what it needs until its end: no report of leaks from these processes.
  const std::string command = "ASAN_OPTIONS=detect_leaks=0 mpirun --allow-run-as-root --oversubscribe -n 3 /proc/" +
                              std::to_string(::getpid()) +
                              "/exe --gtest_also_run_disabled_tests --gtest_color=no --gtest_filter='Processes.*' 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 4096> part{};
  while (const size_t n = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), n);
  EXPECT_EQ(::pclose(pipe), 0) << output << "\nwithout mpirun: scripts/install_packages.sh test";
  // Each of the three says so, so that a filter which finds no test is no success.
  size_t passed = 0;
  const std::string said = "[  PASSED  ] 11 tests.";
  for (size_t at = output.find(said); at != std::string::npos; at = output.find(said, at + 1)) ++passed;
  EXPECT_EQ(passed, 3u) << output;
}

// What follows runs in each of the three.

float rank_value() {
  return static_cast<float>(init(true).rank() + 1);
}

TEST(Processes, DISABLED_Reductions) {
  const Group group = init(true);
  ASSERT_EQ(group.size(), 3);
  for (const Dtype dtype : {float32, float16, bfloat16, int32, uint8, int64, float64}) {
    const array x = astype(array({1.0f, 2.0f, 3.0f}) * array(rank_value()), dtype);
    expect_equal(all_sum(x), astype(array({6.0f, 12.0f, 18.0f}), dtype));
    expect_equal(all_max(x), astype(array({3.0f, 6.0f, 9.0f}), dtype));
    expect_equal(all_min(x), astype(array({1.0f, 2.0f, 3.0f}), dtype));
  }
  const array z = astype(array(rank_value()), complex64);
  expect_equal(all_sum(z), array(complex64_t(6, 0)));
  // A view that is not in C order.
  const array m = transpose(reshape(arange(6, float32), {2, 3}));
  expect_equal(all_sum(m), m * array(3.0f));
}

TEST(Processes, DISABLED_GatherAndScatter) {
  const float r = rank_value();
  expect_equal(all_gather(array({r, -r})), array({1.0f, -1.0f, 2.0f, -2.0f, 3.0f, -3.0f}));
  expect_equal(all_gather(array(r)), array({1.0f, 2.0f, 3.0f}));
  expect_equal(sum_scatter(arange(6, float32) * array(r)), array({12 * r - 12, 12 * r - 6}));
  EXPECT_THROW(sum_scatter(arange(5, float32)), std::invalid_argument);
}

TEST(Processes, DISABLED_SendAndReceiveInARing) {
  const Group group = init(true);
  const int next = (group.rank() + 1) % 3;
  const int previous = (group.rank() + 2) % 3;
  const array mine = full({1000}, array(rank_value()));
  array got = recv_like(mine, previous);
  // On streams of their own, so that neither waits for the other.
  array sent = send(mine, next, group, new_stream(Device::cpu));
  async_eval(sent);
  expect_equal(got, full({1000}, array(static_cast<float>(previous + 1))));
  sent.eval();
  EXPECT_THROW(send(mine, 3), std::invalid_argument);
}

TEST(Processes, DISABLED_Groups) {
  const Group group = init(true);
  const Group pair = group.split(group.rank() == 0 ? 0 : 1, -group.rank() + 10);
  EXPECT_EQ(pair.size(), group.rank() == 0 ? 1 : 2);
  if (group.rank() > 0) {
    // Keys turn the order around.
    EXPECT_EQ(pair.rank(), 2 - group.rank());
    expect_equal(all_sum(array(rank_value()), pair), array(5.0f));
  }
}

TEST(Processes, DISABLED_Gradients) {
  const auto loss = [](const array& x) { return sum(square(all_sum(x))); };
  // MLX's rule: the cotangent goes through.
  expect_equal(grad(loss)(array({1.0f, 2.0f})), array({6.0f, 12.0f}));
}

}  // namespace
}  // namespace mica::distributed
