// Einstein sums against NumPy: tests/fixtures/ops/einsum.json, made by tests/oracle/einsum_oracle.py.

#include "mica/ops/einsum.h"

#include "mica/ops/create.h"
#include "mica/ops/matmul.h"
#include "mica/ops/random.h"
#include "mica/transforms/transforms.h"
#include "tests/ops/cases.h"

namespace mica {
namespace {

using Inputs = std::vector<array>;
using Path = std::vector<std::vector<int>>;

TEST(Einsum, AsNumpy) {
  const std::map<std::string, test::Op> ops = {{"einsum", [](const Inputs& x, const Json& a) -> Inputs {
                                                  return {einsum(a.at("subscripts").get<std::string>(), x)};
                                                }}};
  // Small integers: every order of the sums is exact.
  test::run_cases("einsum", ops, [](const std::string&, Dtype) { return test::Tolerance{}; });
}

TEST(Einsum, PathOfLeastOperations) {
  // (AB)C costs 48 + 80 operations, A(BC) 120 + 60.
  const auto [path, text] = einsum_path("ij,jk,kl->il", {ones({2, 3}), ones({3, 4}), ones({4, 5})});
  EXPECT_EQ(path, (Path{{0, 1}, {0, 1}}));
  EXPECT_NE(text.find("Naive scaling:  4"), std::string::npos);
  EXPECT_NE(text.find("Optimized scaling:  3"), std::string::npos);
  EXPECT_NE(text.find("Naive FLOP count:  360"), std::string::npos);
  EXPECT_NE(text.find("Optimized FLOP count:  128"), std::string::npos);
  // MLX's order for this one, which is the best.
  const auto chain = einsum_path("ij,jk,kl,lm->im", {ones({2, 30}), ones({30, 4}), ones({4, 50}), ones({50, 2})});
  EXPECT_NE(chain.second.find("Optimized FLOP count:  1312"), std::string::npos);
  EXPECT_EQ(einsum_path("ij->i", {ones({2, 3})}).first, (Path{{0}}));
}

TEST(Einsum, GradientIsThatOfTheProduct) {
  const array a = random::normal({3, 4}, float32, random::key(1));
  const array b = random::normal({4, 5}, float32, random::key(2));
  const array g = random::normal({3, 5}, float32, random::key(3));
  const auto by_einsum = [](const Inputs& x) -> Inputs { return {einsum("ij,jk->ik", x)}; };
  const auto grads = vjp(by_einsum, {a, b}, {g}).second;
  test::expect_close(grads[0], matmul(g, transpose(b)), {1e-6, 1e-6});
  test::expect_close(grads[1], matmul(transpose(a), g), {1e-6, 1e-6});
}

TEST(Einsum, WrongSubscripts) {
  const array a = ones({2, 3});
  EXPECT_THROW(einsum("ij,jk->iz", {a, ones({3, 4})}), std::invalid_argument);
  EXPECT_THROW(einsum("ij->ii", {a}), std::invalid_argument);
  EXPECT_THROW(einsum("i->i", {a}), std::invalid_argument);
  EXPECT_THROW(einsum("ij,jk", {a}), std::invalid_argument);
  EXPECT_THROW(einsum("ij,kj->ik", {a, ones({3, 4})}), std::invalid_argument);
  EXPECT_THROW(einsum("i1->i", {a}), std::invalid_argument);
  EXPECT_THROW(einsum("ij->->i", {a}), std::invalid_argument);
  EXPECT_THROW(einsum("i.j->ij", {a}), std::invalid_argument);
  EXPECT_THROW(einsum("......->", {a}), std::invalid_argument);
  EXPECT_THROW(einsum("", {}), std::invalid_argument);
}

}  // namespace
}  // namespace mica
