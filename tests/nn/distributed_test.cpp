// average_gradients, with a group whose other process has three times this one's gradients.

#include "mica/nn/distributed.h"

#include <cstring>
#include <type_traits>

#include <gtest/gtest.h>

#include "mica/distributed/group.h"
#include "mica/nn/tree_functions.h"
#include "mica/ops/reduce.h"
#include "tests/nn/filled.h"

namespace mica {
namespace {

struct Pair final : distributed::GroupImpl {
  int rank() const override { return 0; }
  int size() const override { return 2; }
  std::shared_ptr<GroupImpl> split(int, int) const override { throw std::runtime_error("not used"); }
  void all_reduce(std::span<std::byte> data, Dtype dtype, distributed::Reduction) const override {
    ++calls;
    dispatch(dtype, [&]<typename T>(T) {
      for (size_t i = 0; i < data.size(); i += sizeof(T)) {
        T value;
        std::memcpy(&value, &data[i], sizeof(T));
        if constexpr (!std::is_same_v<T, bool>) value = static_cast<T>(value * static_cast<T>(4));
        std::memcpy(&data[i], &value, sizeof(T));
      }
    });
  }
  void all_gather(std::span<const std::byte>, std::span<std::byte>) const override {}
  void sum_scatter(std::span<const std::byte>, std::span<std::byte>, Dtype) const override {}
  void send(std::span<const std::byte>, int) const override {}
  void recv(std::span<std::byte>, int) const override {}
  mutable int calls = 0;
};

TEST(AverageGradients, SendsPiecesTogether) {
  const auto half = astype(test::filled({8}, 4), float16);
  const Tree gradients = Tree::dict({{"a", test::filled({3, 4}, 1)},
                                     {"layers", Tree::list({test::filled({2, 2}, 2), test::filled({5}, 3)})},
                                     {"half", half}});
  // {piece size in bytes, calls}: one for each dtype; a (48 bytes) alone and the lists together; each alone.
  for (const auto& [piece, calls] : std::vector<std::pair<int64_t, int>>{{1 << 20, 2}, {40, 3}, {24, 3}, {0, 4}}) {
    const auto pair = std::make_shared<Pair>();
    const Tree mean = nn::average_gradients(gradients, distributed::Group(pair), piece);
    eval(mean);
    EXPECT_EQ(pair->calls, calls) << piece;
    const Tree doubled = tree_map([](const array& g) { return g + g; }, gradients);
    for (const auto& [path, value] : tree_flatten(doubled)) {
      EXPECT_EQ(mean.at(path).leaf().dtype(), value.dtype()) << path;
      EXPECT_TRUE(array_equal(mean.at(path).leaf(), value).item<bool>()) << path;
    }
  }
}

TEST(ClipGradNormSharded, TakesTheNormOfAllParts) {
  // 3² + 4² here, and three times as much elsewhere: the norm is 10.
  const Tree gradients = Tree::dict({{"a", array({3.0f})}, {"b", array({0.0f, 4.0f})}});
  const distributed::Group group(std::make_shared<Pair>());
  const auto [clipped, norm] = nn::clip_grad_norm_sharded(gradients, 5.0, group);
  EXPECT_FLOAT_EQ(norm.item<float>(), 10.0f);
  EXPECT_NEAR(clipped.at("a").leaf().item<float>(), 1.5f, 1e-6);
  const auto [kept, same_norm] = nn::clip_grad_norm_sharded(gradients, 50.0, group);
  EXPECT_FLOAT_EQ(kept.at("a").leaf().item<float>(), 3.0f);
}

TEST(AverageGradients, AloneGivesThemBack) {
  const array g = test::filled({3}, 1);
  EXPECT_EQ(nn::average_gradients(Tree::dict({{"a", g}})).at("a").leaf().id(), g.id());
}

}  // namespace
}  // namespace mica
