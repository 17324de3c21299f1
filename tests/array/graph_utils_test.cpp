#include "mica/array/graph_utils.h"

#include <sstream>

#include <gtest/gtest.h>

#include "mica/ops/elementwise.h"

namespace mica {
namespace {

TEST(GraphUtils, ListsAndDraws) {
  const array a({1.0f, 2.0f});
  const array b({3.0f, 4.0f});
  const array shared = exp(a);
  const array sum = shared + b;
  const array out = sum * shared;
  NodeNamer namer;
  namer.set_name(a, "x");
  std::ostringstream list;
  print_graph(list, namer, out);
  EXPECT_EQ(list.str(),
            "inputs: x [(2), float32], B [(2), float32]\n"
            "exp: x [(2), float32] -> C [(2), float32]\n"
            "add: C [(2), float32], B [(2), float32] -> D [(2), float32]\n"
            "multiply: D [(2), float32], C [(2), float32] -> E [(2), float32]\n"
            "outputs: E [(2), float32]\n");
  std::ostringstream drawn;
  export_to_dot(drawn, namer, out);
  EXPECT_TRUE(drawn.str().starts_with("digraph {\n  \"x\" [shape=ellipse];\n"));
  EXPECT_NE(drawn.str().find("op2 [label=\"multiply\", shape=box];\n  \"D\" -> op2;\n  \"C\" -> op2;\n"),
            std::string::npos)
      << drawn.str();
}

TEST(GraphUtils, NamesGoOnAfterZ) {
  NodeNamer namer;
  std::vector<array> many;
  many.reserve(28);
  for (int i = 0; i < 28; ++i) many.emplace_back(i);
  std::string last;
  for (const array& a : many) last = namer.get_name(a);
  EXPECT_EQ(last, "AB");
}

}  // namespace
}  // namespace mica
