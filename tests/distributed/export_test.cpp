// Files of functions with operations among processes.
#include "mica/transforms/export.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "mica/base/error.h"
#include "mica/distributed/ops.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/transforms/compile.h"
#include "mica/transforms/transforms.h"
#include "tests/distributed/expect_equal.h"

namespace mica::distributed {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// A group to trace functions with: its operations never run.
class PaperGroup final : public GroupImpl {
 public:
  explicit PaperGroup(int size) : size_(size) {}
  int rank() const override { return 0; }
  int size() const override { return size_; }
  std::shared_ptr<GroupImpl> split(int, int) const override { return nullptr; }
  void all_reduce(std::span<std::byte>, Dtype, Reduction) const override { FAIL(); }
  void all_gather(std::span<const std::byte>, std::span<std::byte>) const override { FAIL(); }
  void sum_scatter(std::span<const std::byte>, std::span<std::byte>, Dtype) const override { FAIL(); }
  void send(std::span<const std::byte>, int) const override { FAIL(); }
  void recv(std::span<std::byte>, int) const override { FAIL(); }

 private:
  int size_;
};

/// A file of one function of x, removed with the object.
class FunctionFile {
 public:
  explicit FunctionFile(const std::function<std::vector<array>(const Args&)>& fun, const array& x)
      : path_(std::filesystem::temp_directory_path() / ("mica-processes-" + std::to_string(::getpid()))) {
    export_function(path_, fun, {x});
  }
  ~FunctionFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  FunctionFile(const FunctionFile&) = delete;
  FunctionFile& operator=(const FunctionFile&) = delete;
  const std::string& path() const { return path_; }

  std::string bytes() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

 private:
  std::string path_;
};

std::vector<array> run(const FunctionFile& file, const array& x) {
  return import_function(file.path())(Args{x});
}

std::vector<array> collectives(const array& x, const std::optional<Group>& group) {
  return {all_sum(x, group), all_max(x, group), all_min(x, group), all_gather(x, group), sum_scatter(x, group)};
}

TEST(ExportedProcesses, CollectivesInAGroupOfOneGiveTheArgumentBack) {
  const Group two(std::make_shared<PaperGroup>(2));
  const array x({1.0f, -2.0f, 3.0f, 4.0f});
  const FunctionFile file([&](const Args& args) { return collectives(args[0], two); }, x);
  const std::vector<array> results = run(file, x);
  ASSERT_EQ(results.size(), 5u);
  for (const array& result : results) expect_equal(result, x);
}

TEST(ExportedProcesses, SendingAndReceivingNeedTheOtherProcess) {
  const Group two(std::make_shared<PaperGroup>(2));
  const array x({1.0f, 2.0f});
  const auto refused = [](const FunctionFile& file, const char* op) {
    EXPECT_THAT([&] { import_function(file.path()); }, ThrowsMessage<Error>(HasSubstr(op)));
  };
  refused(FunctionFile([&](const Args& args) { return std::vector<array>{send(args[0], 1, two)}; }, x), "[send]");
  refused(FunctionFile([&](const Args& args) { return std::vector<array>{recv_like(args[0], 1, two)}; }, x), "[recv]");
}

TEST(ExportedProcesses, ChangedFilesAreReadOrRefused) {
  const Group two(std::make_shared<PaperGroup>(2));
  const array x({1.0f, -2.0f, 3.0f, 4.0f});
  const FunctionFile file([&](const Args& args) { return collectives(args[0], two); }, x);
  const std::string bytes = file.bytes();
  size_t refusals = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int bits : {0x01, 0x04, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ bits);
      file.write(changed);
      try {
        import_function(file.path());
      } catch (const std::exception&) {
        ++refusals;
      }
    }
  }
  EXPECT_GT(refusals, bytes.size());
}

// What follows runs in each of three processes, see distributed_test.cpp.

TEST(Processes, DISABLED_ExportedCollectives) {
  const Group group = init(true);
  const array x = array({1.0f, 2.0f, 3.0f}) * array(static_cast<float>(group.rank() + 1));
  // Whatever the group was: that of the importing processes takes its place.
  for (const Group& traced : {group, Group(std::make_shared<PaperGroup>(1 + 2 * group.size()))}) {
    const auto fun = [&](const Args& args) {
      return std::vector<array>{all_sum(args[0], traced), all_min(args[0], traced), all_gather(args[0], traced)};
    };
    const std::vector<array> expected = {all_sum(x), all_min(x), all_gather(x)};
    const std::vector<array> results = run(FunctionFile(fun, x), x);
    ASSERT_EQ(results.size(), expected.size());
    for (size_t i = 0; i < results.size(); ++i) expect_equal(results[i], expected[i]);
  }
  const auto scatter = [](const Args& args) { return std::vector<array>{sum_scatter(args[0])}; };
  expect_equal(run(FunctionFile(scatter, x), x)[0], sum_scatter(x));
}

TEST(Processes, DISABLED_ExportedMessages) {
  const Group group = init(true);
  const array x({4.0f, 2.0f});
  const auto from_first = [&](const Args& args) {
    // Two equal messages are two messages.
    return group.rank() == 0 ? std::vector<array>{send(args[0], 1), send(args[0], 1)}
                             : std::vector<array>{recv_like(args[0], 0), recv_like(args[0], 0)};
  };
  if (group.rank() < 2) {
    const std::vector<array> results = run(FunctionFile(from_first, x), x);
    ASSERT_EQ(results.size(), 2u);
    for (const array& result : results) expect_equal(result, x);
  }
  const Group five(std::make_shared<PaperGroup>(5));
  const auto to_fourth = [&](const Args& args) { return std::vector<array>{send(args[0], 4, five)}; };
  const FunctionFile file(to_fourth, x);
  EXPECT_THAT([&] { import_function(file.path()); }, ThrowsMessage<Error>(HasSubstr("no process 4 in a group of 3")));
}

TEST(Processes, DISABLED_CompiledFunctionsReceiveAnew) {
  const Group group = init(true);
  const auto sends = compile([](const std::vector<array>& x) { return std::vector<array>{send(x[0], 1)}; });
  const auto receives =
      compile([](const std::vector<array>& x) { return std::vector<array>{x[0] + recv_like(x[0], 0)}; });
  for (const float value : {3.0f, 5.0f, 8.0f}) {
    if (group.rank() == 0) eval(sends({array(value)}));
    if (group.rank() == 1) expect_equal(receives({array(1.0f)})[0], array(value + 1));
  }
}

}  // namespace
}  // namespace mica::distributed
