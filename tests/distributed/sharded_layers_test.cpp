// Layers whose parts are held by several processes; distributed_test.cpp starts three for the tests here.
#include <gtest/gtest.h>

#include "mica/distributed/ops.h"
#include "mica/nn/nn.h"
#include "mica/nn/tree_functions.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/random.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "mica/optim/optim.h"

namespace mica::distributed {
namespace {

/// The same in every process.
array numbers(const Shape& shape, uint64_t seed) {
  return random::uniform(-1.0f, 1.0f, shape, float32, random::key(seed));
}

/// Sums over processes round in another order.
void expect_close(const array& a, const array& b) {
  ASSERT_EQ(a.shape(), b.shape());
  EXPECT_TRUE(allclose(a, b, 1e-5, 1e-5).item<bool>()) << a << b;
}

array own_part(const array& a, int axis) {
  const Group group = init(true);
  return split(a, group.size(), axis)[static_cast<size_t>(group.rank())];
}

template <typename Layer>
void expect_parts_make_the_whole(const Layer& whole, int inputs) {
  const array x = numbers({4, inputs}, 1);
  const auto rows = nn::shard_linear(whole, "all-to-sharded");
  expect_close((*rows)(x), own_part(whole(x), -1));
  const auto columns = nn::shard_linear(whole, "sharded-to-all");
  expect_close((*columns)(own_part(x, -1)), whole(x));
  // Cotangents of what every process has are the same in all of them; those of parts add up.
  const auto through = [&](const array& v) { return mean(square((*columns)(own_part(v, -1)))); };
  const auto alone = [&](const array& v) { return mean(square(whole(v))); };
  expect_close(all_sum(grad(through)(x)), grad(alone)(x));
}

TEST(Processes, DISABLED_ShardedLayers) {
  nn::Linear layer(6, 9);
  layer.weight = numbers({9, 6}, 2);
  layer.bias = numbers({9}, 3);
  expect_parts_make_the_whole(layer, 6);
  nn::Linear large(192, 96);
  large.weight = numbers({96, 192}, 4);
  large.bias = numbers({96}, 5);
  const auto quantized = nn::QuantizedLinear::from_linear(large, {.group_size = 32, .bits = 4});
  expect_parts_make_the_whole(quantized, 192);
}

/// A model of which two layers are cut on their own.
std::shared_ptr<nn::Sequential> model() {
  auto out = std::make_shared<nn::Sequential>(nn::Linear(4, 12), nn::ReLU(), nn::Linear(12, 3));
  uint64_t seed = 10;
  out->update(tree_map([&](const array& parameter) { return numbers(parameter.shape(), seed++); }, out->parameters()));
  return out;
}

/// The losses of some steps on this process's data, each the mean over the processes.
std::vector<float> train(nn::UnaryModule& trained, bool average) {
  const array x = own_part(numbers({12, 4}, 6), 0);
  const array y = own_part(numbers({12, 3}, 7), 0);
  auto loss_and_grad =
      nn::value_and_grad(trained, [&](const array& a, const array& b) { return nn::losses::mse_loss(trained(a), b); });
  optim::AdamW optimizer(1e-2);
  std::vector<float> out;
  for (int i = 0; i < 5; ++i) {
    auto [value, gradients] = loss_and_grad(x, y);
    if (average) gradients = nn::average_gradients(gradients);
    optimizer.update(trained, gradients);
    out.push_back(all_sum(value).item<float>() / 3.0f);
  }
  return out;
}

TEST(Processes, DISABLED_FullyShardedTrainsAsTheWhole) {
  const auto whole = model();
  const std::vector<float> expected = train(*whole, true);
  EXPECT_LT(expected.back(), expected.front());
  const auto cut = nn::fully_shard(model());
  const std::vector<float> losses = train(*cut, false);
  for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected[i], 1e-5f);
  // What every process holds is a third of the trained weights, under the module's paths.
  const auto parts = tree_flatten(cut->parameters());
  const auto wholes = tree_flatten(whole->parameters());
  ASSERT_EQ(parts.size(), wholes.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].first, "module." + wholes[i].first);
    expect_close(parts[i].second, own_part(wholes[i].second, 0));
  }
}

TEST(Processes, DISABLED_FullyShardedNestedFrozenAndHalf) {
  const auto plain = model();
  const array x = numbers({2, 4}, 8);
  const array expected = (*plain)(x);
  const auto nested = model();
  auto first = nn::fully_shard(std::make_shared<nn::Linear>(4, 12));
  // The nested one keeps its parts: they are not cut again.
  auto outer = std::make_shared<nn::Sequential>();
  outer->layers.push_back(first);
  outer->layers.push_back(std::make_shared<nn::Linear>(12, 3));
  const auto both = nn::fully_shard(outer);
  EXPECT_EQ(tree_flatten(both->parameters())[0].first, "module.layers.0.module.weight");
  EXPECT_EQ(tree_flatten(both->parameters())[0].second.shape(), (Shape{4, 4}));
  EXPECT_EQ(nn::fully_shard(both), both);
  EXPECT_EQ((*both)(x).shape(), (Shape{2, 3}));

  nested->freeze(true, {"bias"});
  const auto frozen = nn::fully_shard(nested);
  expect_close((*frozen)(x), expected);
  EXPECT_EQ(tree_flatten(frozen->trainable_parameters()).size(), 2u);

  const auto half = nn::fully_shard(model(), {.compute_dtype = float16});
  EXPECT_TRUE(allclose((*half)(astype(x, float16)), expected, 1e-2, 1e-2).item<bool>());
  for (const auto& [path, part] : tree_flatten(half->parameters())) EXPECT_EQ(part.dtype(), float32) << path;

  EXPECT_THROW(nn::fully_shard(std::make_shared<nn::Linear>(4, 4)), std::invalid_argument);
  const auto table = std::make_shared<nn::FullyShardedModule>(std::make_shared<nn::Embedding>(6, 4));
  EXPECT_EQ(table->as_linear(x).shape(), (Shape{2, 6}));
  EXPECT_THROW(nn::FullyShardedModule(std::make_shared<nn::Linear>(4, 6)).as_linear(x), std::invalid_argument);
}

TEST(FullyShard, LeavesAGroupOfOneAlone) {
  const auto layer = std::make_shared<nn::Linear>(4, 4);
  EXPECT_EQ(nn::fully_shard(layer), layer);
}

}  // namespace
}  // namespace mica::distributed
