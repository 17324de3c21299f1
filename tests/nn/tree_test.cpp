// Trees and the functions of mlx.utils.

#include <gmock/gmock.h>

#include "mica/nn/tree_functions.h"
#include "tests/nn/checks.h"

namespace mica {
namespace {

using test::message_of;
using test::paths_of;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Tree, FlattenAndUnflatten) {
  const Tree tree = Tree::dict(
      {{"a", array(1)}, {"b", Tree::list({Tree::dict({{"c", array(2)}}), Tree(), array(3)})}, {"e", Tree()}});
  EXPECT_THAT(paths_of(tree), ElementsAre("a", "b.0.c", "b.2"));
  const Tree back = tree_unflatten(tree_flatten(tree));
  EXPECT_THAT(paths_of(back), ElementsAre("a", "b.0.c", "b.2"));
  EXPECT_EQ(back.at("b").size(), 3u);
  EXPECT_TRUE(back.at("b.1").empty());
  EXPECT_FALSE(back.contains("e"));
  EXPECT_TRUE(tree_unflatten<array>({{"", array(4)}}).is_leaf());
  EXPECT_TRUE(tree_unflatten<array>({}).empty());
  EXPECT_THAT(message_of([&] { tree.at("b.7.c"); }), HasSubstr("b.7.c"));
  EXPECT_THAT(message_of([&] { tree.at("b").leaf(); }), HasSubstr("list"));
}

TEST(Tree, MapReduceMerge) {
  const BasicTree<int> tree = tree_unflatten<int>({{"a", 1}, {"b.0", 2}, {"b.1", 3}});
  const BasicTree<int> more = tree_unflatten<int>({{"a", 10}, {"b.0", 20}, {"b.1", 30}, {"c", 40}});
  const BasicTree<double> halves = tree_map([](int a, int b) { return (a + b) / 2.0; }, tree, more);
  EXPECT_EQ(halves.at("b.1").leaf(), 16.5);
  EXPECT_THAT(message_of([&] { tree_map([](int, int) { return 0; }, more, tree); }), HasSubstr("\"c\""));
  const auto paths = tree_map_with_path([](const std::string& path, int) { return path; }, tree);
  EXPECT_EQ(paths.at("b.0").leaf(), "b.0");
  EXPECT_EQ(tree_reduce([](int sum, int x) { return 2 * sum + x; }, tree, 1), 19);
  EXPECT_EQ(tree_flatten(tree, "model")[1].first, "model.b.0");

  const BasicTree<int> other = tree_unflatten<int>({{"d", 5}, {"b.0", 7}});
  EXPECT_THAT(message_of([&] { tree_merge(tree, other); }), HasSubstr("merge"));
  const auto merged = tree_merge<int>(tree, other, [](int a, int b) { return a * b; });
  EXPECT_EQ(merged.at("b.0").leaf(), 14);
  EXPECT_EQ(merged.at("b.1").leaf(), 3);
  EXPECT_EQ(merged.at("d").leaf(), 5);
  EXPECT_THROW(tree_merge<int>(tree, tree_unflatten<int>({{"b.x", 1}})), std::invalid_argument);
}

}  // namespace
}  // namespace mica
