// Random numbers against MLX's streams: tests/fixtures/ops/random.json, made by tests/oracle/random_oracle.py.

#include "mica/ops/random.h"

#include "mica/ops/create.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "tests/ops/cases.h"

namespace mica {
namespace {

using test::Op;
using test::Tolerance;
using Inputs = std::vector<array>;

Shape shape_of(const Json& args) {
  return test::shape_from(args.at("shape"));
}
Dtype dtype_of(const Json& args) {
  return test::dtype_named(args.at("dtype").get<std::string>());
}
uint64_t seed_of(const Json& args) {
  return std::stoull(args.at("seed").get<std::string>());
}

const std::map<std::string, Op>& ops() {
  namespace r = random;
  static const std::map<std::string, Op> table = {
      {"key", [](const Inputs&, const Json& a) -> Inputs { return {r::key(seed_of(a))}; }},
      {"split", [](const Inputs& x, const Json& a) -> Inputs { return {r::split(x[0], a.at("num").get<int>())}; }},
      {"bits",
       [](const Inputs& x, const Json& a) -> Inputs { return {r::bits(shape_of(a), a.at("width").get<int>(), x[0])}; }},
      {"uniform",
       [](const Inputs& x, const Json& a) -> Inputs { return {r::uniform(shape_of(a), dtype_of(a), x[0])}; }},
      {"uniform_between",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {r::uniform(x[1], x[2], shape_of(a), dtype_of(a), x[0])};
       }},
      {"normal", [](const Inputs& x, const Json& a) -> Inputs { return {r::normal(shape_of(a), dtype_of(a), x[0])}; }},
      {"normal_around",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {r::normal(shape_of(a), dtype_of(a), 1.5f, 0.25f, x[0])};
       }},
      {"multivariate_normal",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {r::multivariate_normal(x[1], x[2], shape_of(a), float32, x[0])};
       }},
      {"randint",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {r::randint(array(a.at("low").get<int64_t>(), int64), array(a.at("high").get<int64_t>(), int64),
                            shape_of(a), dtype_of(a), x[0])};
       }},
      {"bernoulli", [](const Inputs& x, const Json& a) -> Inputs { return {r::bernoulli(x[1], shape_of(a), x[0])}; }},
      {"truncated_normal",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {r::truncated_normal(x[1], x[2], shape_of(a), dtype_of(a), x[0])};
       }},
      {"gumbel", [](const Inputs& x, const Json& a) -> Inputs { return {r::gumbel(shape_of(a), dtype_of(a), x[0])}; }},
      {"laplace",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {r::laplace(shape_of(a), dtype_of(a), 0.5f, 2.0f, x[0])};
       }},
      {"categorical",
       [](const Inputs& x, const Json& a) -> Inputs { return {r::categorical(x[1], a.at("axis").get<int>(), x[0])}; }},
      {"categorical_samples",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {r::categorical(x[1], a.at("axis").get<int>(), a.at("num").get<int>(), x[0])};
       }},
      {"categorical_shape",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {r::categorical(x[1], a.at("axis").get<int>(), shape_of(a), x[0])};
       }},
      {"permutation_of",
       [](const Inputs& x, const Json& a) -> Inputs { return {r::permutation(a.at("n").get<int>(), x[0])}; }},
      {"permutation",
       [](const Inputs& x, const Json& a) -> Inputs { return {r::permutation(x[1], a.at("axis").get<int>(), x[0])}; }},
      {"default_sequence",
       [](const Inputs&, const Json& a) -> Inputs {
         r::seed(seed_of(a));
         array first = r::uniform({3});
         array second = r::uniform({3});
         return {first, second, r::normal({2})};
       }},
  };
  return table;
}

/// Bits and what is made of them by single operations are equal; erf, erfinv and logarithms differ by units in the last
/// place between two libraries of functions.
Tolerance tolerance(const std::string& op, Dtype dtype) {
  const bool functions = op.starts_with("normal") || op == "truncated_normal" || op == "multivariate_normal" ||
                         op == "gumbel" || op == "laplace" || op == "default_sequence";
  if (!functions || !issubdtype(dtype, inexact)) return {};
  const double unit = dtype == bfloat16 ? 0x1p-7 : dtype == float16 ? 0x1p-10 : 0x1p-22;
  if (op == "multivariate_normal") return {1e-5, 1e-5};  // a decomposition and sums
  return {2 * unit, unit};
}

TEST(Random, StreamsOfMlx) {
  test::run_cases("random", ops(), tolerance);
}

TEST(Random, LongStreamsDoNotDependOnThreads) {
  // The first words of two halves that several threads made, against a vmapped stream of single keys.
  const array key = random::key(5);
  const array many = random::bits({100001}, 4, key);
  array lone = apply<RandomBits>({reshape(key, {1, 2})}, default_stream(default_device()), Shape{100001}, 4);
  EXPECT_TRUE(array_equal(many, reshape(lone, {-1})).item<bool>());
  EXPECT_NEAR(mean(random::uniform({100001}, key)).item<float>(), 0.5, 0.005);
}

TEST(Random, ManyKeysGiveEachItsOwnStream) {
  const array keys = random::split(random::key(9), 3);
  array all = apply<RandomBits>({keys}, default_stream(default_device()), Shape{5}, 2);
  ASSERT_EQ(all.shape(), (Shape{3, 5}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(array_equal(take(all, i, 0), random::bits({5}, 2, take(keys, i, 0))).item<bool>()) << i;
  }
}

TEST(Random, WrongArguments) {
  const array key = random::key(0);
  EXPECT_THROW(random::bits({2}, 3, key), std::invalid_argument);
  EXPECT_THROW(random::bits({2}, 4, array({1, 2})), std::invalid_argument);
  EXPECT_THROW(random::bits({2}, 4, reshape(key, {1, 2})), std::invalid_argument);
  EXPECT_THROW(random::uniform({2}, float64, key), std::invalid_argument);
  EXPECT_THROW(random::uniform({2}, int32, key), std::invalid_argument);
  EXPECT_THROW(random::uniform(zeros({4}), array(1.0f), {3}, float32, key), std::invalid_argument);
  EXPECT_THROW(random::randint(0, 3, {2}, float32, key), std::invalid_argument);
  EXPECT_THROW(random::bernoulli(array({1, 2}), key), std::invalid_argument);
  EXPECT_THROW(random::categorical(zeros({4}), 3, key), std::out_of_range);
  EXPECT_THROW(random::categorical(zeros({2, 2}), 0, Shape{3}, key), std::invalid_argument);
  EXPECT_THROW(random::laplace({2}, int32, key), std::invalid_argument);
  EXPECT_THROW(random::normal({2}, int32, key), std::invalid_argument);
}

}  // namespace
}  // namespace mica
