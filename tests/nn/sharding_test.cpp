// Sharded layers: what the processes of a group compute adds up to what the whole layer computes.

#include <gmock/gmock.h>

#include "mica/distributed/group.h"
#include "mica/nn/nn.h"
#include "mica/ops/create.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "tests/nn/checks.h"
#include "tests/nn/filled.h"

namespace mica {
namespace {

/// One of several processes, whose sums are its own part: the test adds them up.
struct Alone final : distributed::GroupImpl {
  Alone(int own, int count) : number(own), processes(count) {}
  int rank() const override { return number; }
  int size() const override { return processes; }
  std::shared_ptr<GroupImpl> split(int, int) const override { throw std::runtime_error("not used"); }
  void all_reduce(std::span<std::byte>, Dtype, distributed::Reduction) const override { ++sums; }
  void all_gather(std::span<const std::byte>, std::span<std::byte>) const override {}
  void sum_scatter(std::span<const std::byte>, std::span<std::byte>, Dtype) const override {}
  void send(std::span<const std::byte>, int) const override {}
  void recv(std::span<std::byte>, int) const override {}
  int number;
  int processes;
  mutable int sums = 0;
};

constexpr int kProcesses = 2;

distributed::Group process(int rank) {
  return distributed::Group(std::make_shared<Alone>(rank, kProcesses));
}

bool close(const array& a, const array& b) {
  return allclose(a, b, 1e-5, 1e-5).item<bool>();
}

/// Runs the whole layer and its parts in both ways; `bias` of a part of the second kind is there in each process.
template <typename Layer>
void expect_parts_make_the_whole(const Layer& layer) {
  const array x = test::filled({3, layer.weight->dtype() == uint32 ? 128 : 6}, 1);
  const array whole = layer(x);
  std::vector<array> columns;
  std::vector<array> sums;
  const std::vector<array> inputs = split(x, kProcesses, -1);
  for (int rank = 0; rank < kProcesses; ++rank) {
    const auto first = nn::shard_linear(layer, "all-to-sharded", {.group = process(rank)});
    columns.push_back((*first)(x));
    EXPECT_EQ(test::paths_of(first->parameters()), test::paths_of(layer.parameters()));
    const auto second = nn::shard_linear(layer, "sharded-to-all", {.group = process(rank)});
    sums.push_back((*second)(inputs[static_cast<size_t>(rank)]));
  }
  EXPECT_TRUE(close(concatenate(columns, -1), whole));
  EXPECT_TRUE(close(sums[0] + sums[1] - layer.bias, whole));
}

TEST(Sharding, LinearLayers) {
  expect_parts_make_the_whole(nn::Linear(6, 8));
}

TEST(Sharding, QuantizedLayers) {
  nn::QuantizedLinear layer(128, 8);
  layer.bias = test::filled({8}, 2);
  expect_parts_make_the_whole(layer);
  nn::QuantizedLinear smaller(128, 8, true, {.group_size = 32, .bits = 8});
  expect_parts_make_the_whole(smaller);
}

TEST(Sharding, GradientsAreSummed) {
  const nn::Linear layer(6, 8);
  const array x = test::filled({3, 6}, 1);
  const auto gradient = [&](const nn::UnaryModule& part) {
    return grad(std::function<array(const array&)>([&](const array& in) { return sum(part(in)); }))(x);
  };
  array total = zeros({3, 6});
  for (int rank = 0; rank < kProcesses; ++rank) {
    const auto members = std::make_shared<Alone>(rank, kProcesses);
    const auto part = nn::AllToShardedLinear::from_linear(layer, {.group = distributed::Group(members)});
    total = total + gradient(part);
    total.eval();
    EXPECT_EQ(members->sums, 1);
  }
  EXPECT_TRUE(close(total, gradient(layer)));
}

TEST(Sharding, SegmentsAreCutForThemselves) {
  // Rows 0 to 3 and 4 to 11 are cut for themselves: process 1 has 2, 3 and 8 to 11.
  nn::Linear layer(2, 12, false);
  layer.weight = reshape(arange(24.0, float32), {12, 2});
  const array wanted = take(layer.weight, array({2, 3, 8, 9, 10, 11}), 0);
  for (const nn::Segments& segments : {nn::Segments(std::vector{4}), nn::Segments(std::vector{1.0 / 3})}) {
    nn::Linear part(2, 12, false);
    part.weight = layer.weight;
    nn::shard_inplace(part, "all-to-sharded", {.segments = segments, .group = process(1)});
    EXPECT_TRUE(array_equal(part.weight, wanted).item<bool>());
  }
}

TEST(Sharding, RefusesWhatCannotBeCut) {
  EXPECT_THROW(nn::AllToShardedLinear(4, 5, true, process(0)), std::invalid_argument);
  EXPECT_THROW(nn::ShardedToAllLinear(5, 4, true, process(0)), std::invalid_argument);
  const nn::Linear odd(4, 5);
  EXPECT_THROW(nn::shard_linear(odd, "all-to-sharded", {.group = process(0)}), std::invalid_argument);
  EXPECT_THROW(nn::shard_linear(odd, "sideways", {.group = process(0)}), std::invalid_argument);
  EXPECT_THROW(nn::shard_linear(nn::LayerNorm(4), "all-to-sharded"), std::invalid_argument);
}

TEST(Sharding, AGroupOfOneHasTheWholeLayer) {
  const nn::Linear layer(4, 6);
  const array x = test::filled({2, 4}, 1);
  EXPECT_TRUE(close((*nn::shard_linear(layer, "all-to-sharded"))(x), layer(x)));
  EXPECT_TRUE(close((*nn::shard_linear(layer, "sharded-to-all"))(x), layer(x)));
}

}  // namespace
}  // namespace mica
