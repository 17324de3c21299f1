// Gradients of functions: the transforms themselves. The rules of the ops are in rules_test.cpp.

#include <gtest/gtest.h>

#include "mica/mica.h"

namespace mica {
namespace {

using Arrays = std::vector<array>;

TEST(Gradient, OfAUnaryFunction) {
  const auto f = [](const array& x) { return multiply(x, multiply(x, x)); };
  EXPECT_FLOAT_EQ(grad(f)(array(2.0f)).item<float>(), 12.0f);
  const auto [value, slope] = value_and_grad(f)(array(2.0f));
  EXPECT_FLOAT_EQ(array(value).item<float>(), 8.0f);
  EXPECT_FLOAT_EQ(array(slope).item<float>(), 12.0f);
}

TEST(Gradient, OfHigherOrder) {
  // d^n sin at 0.5: cos, −sin, −cos, sin.
  std::function<array(const array&)> f = [](const array& x) { return sin(x); };
  const double expected[] = {std::cos(0.5), -std::sin(0.5), -std::cos(0.5), std::sin(0.5)};
  for (const double want : expected) {
    f = grad(f);
    EXPECT_NEAR(f(array(0.5, float64)).item<double>(), want, 1e-14);
  }
}

TEST(Gradient, ByChosenArguments) {
  const auto f = [](const Arrays& x) { return sum(multiply(multiply(x[0], x[1]), x[2])); };
  const Arrays at = {array({1.0f, 2.0f}), array({3.0f, 4.0f}), array({5.0f, 6.0f})};
  const Arrays slopes = grad(f, std::vector<int>{2, -3})(at);
  ASSERT_EQ(slopes.size(), 2u);
  EXPECT_TRUE(array_equal(slopes[0], array({3.0f, 8.0f})).item<bool>());
  EXPECT_TRUE(array_equal(slopes[1], array({15.0f, 24.0f})).item<bool>());
  EXPECT_THROW(grad(f, std::vector<int>{0, -3})(at), std::invalid_argument);
  EXPECT_THROW(grad(f, 3)(at), std::invalid_argument);
  EXPECT_THROW(grad(f, std::vector<int>{})(at), std::invalid_argument);
}

TEST(Gradient, NeedsAScalar) {
  const auto f = [](const array& x) { return exp(x); };
  EXPECT_THROW(grad(f)(array({1.0f, 2.0f})), std::invalid_argument);
}

TEST(Gradient, KeepsFurtherOutputs) {
  const auto f = [](const Arrays& x) { return Arrays{sum(square(x[0])), exp(x[0]), argmax(x[0])}; };
  const auto [outputs, slopes] = value_and_grad(f)({array({1.0f, 3.0f})});
  ASSERT_EQ(outputs.size(), 3u);
  EXPECT_FLOAT_EQ(array(outputs[0]).item<float>(), 10.0f);
  EXPECT_EQ(array(outputs[2]).item<int>(), 1);
  EXPECT_TRUE(array_equal(slopes[0], array({2.0f, 6.0f})).item<bool>());
}

TEST(Gradient, OfAnArgumentWithoutInfluenceIsZero) {
  const auto f = [](const Arrays& x) { return sum(x[0]); };
  EXPECT_TRUE(array_equal(grad(f, 1)({array({1.0f}), array({5.0f, 6.0f})})[0], array({0.0f, 0.0f})).item<bool>());
}

TEST(Gradient, OfHalvesIsHalf) {
  const auto f = [](const array& x) { return multiply(x, x); };
  const array slope = grad(f)(array(1.5f, bfloat16));
  EXPECT_EQ(slope.dtype(), bfloat16);
  EXPECT_FLOAT_EQ(array(slope).item<float>(), 3.0f);
}

TEST(Gradient, DoesNotFlowThroughIntegersOrStopGradient) {
  EXPECT_EQ(
      grad([](const array& x) { return multiply(x, astype(astype(x, int32), float32)); })(array(2.5f)).item<float>(),
      2.0f);
  EXPECT_EQ(grad([](const array& x) { return multiply(x, stop_gradient(x)); })(array(2.5f)).item<float>(), 2.5f);
  EXPECT_EQ(grad([](const array& x) { return multiply(x, x); })(array(3)).item<int>(), 0);
}

TEST(Gradient, SurvivesEvalInsideTheFunction) {
  const auto f = [](const array& x) {
    array y = exp(x);
    y.eval();
    array z = multiply(y, x);
    // The value is needed to go on, and everything before it is computed here.
    return z.item<float>() > 0 ? square(z) : z;
  };
  const float x = 0.7f;
  const float z = x * std::exp(x);
  EXPECT_NEAR(grad(f)(array(x)).item<float>(), 2 * z * (std::exp(x) + z), 1e-5);
}

TEST(Gradient, TracedValuesLoseTheirGraphAfterwards) {
  array kept(0.0f);
  const auto f = [&](const array& x) {
    kept = exp(x);
    kept.eval();
    return multiply(kept, x);
  };
  const array slope = grad(f)(array(1.0f));
  EXPECT_TRUE(kept.has_primitive());
  eval(kept);
  EXPECT_FALSE(kept.has_primitive());
  EXPECT_FLOAT_EQ(slope.item<float>(), 2 * std::exp(1.0f));
}

TEST(Gradient, NeverWritesIntoALiveArray) {
  array x({1.0f, 2.0f, 3.0f});
  array seen(0.0f);
  const auto f = [&](const array& a) {
    const array y = multiply(a, a);
    array z = exp(y);
    seen = y;
    z.eval();
    return sum(add(z, y));
  };
  grad(f)(x).eval();
  EXPECT_TRUE(array_equal(x, array({1.0f, 2.0f, 3.0f})).item<bool>());
  EXPECT_TRUE(array_equal(seen, array({1.0f, 4.0f, 9.0f})).item<bool>());
}

TEST(Vjp, SumsOverAllUses) {
  const auto f = [](const Arrays& x) { return Arrays{add(x[0], x[0]), multiply(x[0], x[1])}; };
  const auto [outputs, slopes] = vjp(f, {array(3.0f), array(4.0f)}, {array(10.0f), array(1.0f)});
  EXPECT_EQ(array(outputs[1]).item<float>(), 12.0f);
  EXPECT_EQ(array(slopes[0]).item<float>(), 24.0f);
  EXPECT_EQ(array(slopes[1]).item<float>(), 3.0f);
}

TEST(Vjp, ChecksCotangents) {
  const auto f = [](const Arrays& x) { return Arrays{x[0], stop_gradient(x[0])}; };
  const Arrays x = {array({1.0f, 2.0f})};
  EXPECT_NO_THROW(vjp(f, x, x));
  EXPECT_THROW(vjp(f, x, {x[0], x[0]}), std::invalid_argument);
  EXPECT_THROW(vjp(f, x, Arrays{}), std::invalid_argument);
  EXPECT_THROW(vjp(f, x, {array({1.0f})}), std::invalid_argument);
}

TEST(Jvp, CarriesTangents) {
  const auto f = [](const Arrays& x) { return Arrays{multiply(x[0], x[1]), argmax(x[0]), array(1.0f)}; };
  const auto [outputs, tangents] = jvp(f, {array(3.0f), array(4.0f)}, {array(10.0f), array(1.0f)});
  EXPECT_EQ(array(tangents[0]).item<float>(), 43.0f);
  EXPECT_EQ(array(tangents[1]).item<float>(), 0.0f);
  EXPECT_EQ(array(tangents[2]).item<float>(), 0.0f);
  EXPECT_THROW(jvp(f, {array(3.0f), array(4.0f)}, {array(10.0f)}), std::invalid_argument);
  EXPECT_THROW(jvp([](const array& x) { return x; }, array(3.0f), array({1.0f})), std::invalid_argument);
}

TEST(Gradient, OfALongChainUsesNoRecursion) {
  const auto f = [](const array& x) {
    array y = x;
    for (int i = 0; i < 100000; ++i) y = negative(y);
    return y;
  };
  EXPECT_EQ(grad(f)(array(1.0f)).item<float>(), 1.0f);
}

}  // namespace
}  // namespace mica
