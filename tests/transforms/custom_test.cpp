// Functions with rules of their own, checkpoints, and vmap's interface.

#include <gtest/gtest.h>

#include "mica/mica.h"

namespace mica {
namespace {

using Arrays = std::vector<array>;

TEST(CustomFunction, TakesTheGivenRules) {
  const auto fun = [](const Arrays& x) { return Arrays{multiply(x[0], x[1])}; };
  const auto f = custom_function(
      fun,
      [](const Arrays& primals, const Arrays& cotangents, const Arrays& outputs) {
        return Arrays{multiply(cotangents[0], outputs[0]), add(primals[1], array(100.0f))};
      },
      [](const Arrays&, const Arrays& tangents, const std::vector<int>& argnums) {
        return Arrays{add(tangents[0], array(static_cast<float>(argnums[0])))};
      },
      [](const Arrays& inputs, const std::vector<int>& axes) {
        return std::pair(Arrays{add(inputs[0], array(1000.0f))}, std::vector<int>{axes[0]});
      });
  const Arrays x = {array(3.0f), array(5.0f)};
  EXPECT_EQ(f(x)[0].item<float>(), 15.0f);
  const auto slopes = vjp(f, x, {array(2.0f)}).second;
  EXPECT_EQ(array(slopes[0]).item<float>(), 30.0f);
  EXPECT_EQ(array(slopes[1]).item<float>(), 105.0f);
  const auto second_only = [&](const Arrays& y) { return f({x[0], y[0]}); };
  EXPECT_EQ(jvp(second_only, {x[1]}, {array(7.0f)}).second[0].item<float>(), 8.0f);
  EXPECT_EQ(vmap(f, {0, -1})({array({1.0f, 2.0f}), x[1]})[0].shape(), (Shape{2}));
  EXPECT_EQ(max(vmap(f, {0, -1})({array({1.0f, 2.0f}), x[1]})[0]).item<float>(), 1002.0f);
}

TEST(CustomFunction, FallsBackOnItsOperations) {
  const auto fun = [](const Arrays& x) { return Arrays{multiply(x[0], sin(x[1])), exp(x[0])}; };
  const auto f = custom_function(fun);
  const Arrays x = {array(0.4, float64), array(0.9, float64)};
  const Arrays c = {array(2.0, float64), array(3.0, float64)};
  const auto expect_equal = [](const Arrays& a, const Arrays& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(array_equal(a[i], b[i]).item<bool>());
  };
  expect_equal(vjp(f, x, c).second, vjp(fun, x, c).second);
  expect_equal(jvp(f, x, c).second, jvp(fun, x, c).second);
  const Arrays batch = {array({0.1f, 0.2f}), array(0.7f)};
  expect_equal(vmap(f, {0, -1})(batch), vmap(fun, {0, -1})(batch));
  // The second gradient passes through the first one's operations.
  const auto slope = [&](const auto& g) { return [&g, &c](const Arrays& at) { return vjp(g, at, c).second; }; };
  expect_equal(vjp(slope(f), x, c).second, vjp(slope(fun), x, c).second);
}

TEST(CustomFunction, ChecksWhatRulesReturn) {
  const auto f = custom_vjp([](const Arrays& x) { return x; },
                            [](const Arrays&, const Arrays&, const Arrays&) { return Arrays{}; });
  EXPECT_THROW(vjp(f, {array(1.0f)}, {array(1.0f)}), std::invalid_argument);
}

TEST(CustomFunction, MapsWhatComesInThroughCaptures) {
  const auto f = [](const array& x) {
    const auto inner = custom_function([&](const Arrays& y) { return Arrays{multiply(x, y[0])}; });
    return inner({array(3.0f)})[0];
  };
  EXPECT_TRUE(array_equal(vmap(f)(array({1.0f, 2.0f})), array({3.0f, 6.0f})).item<bool>());
}

TEST(Checkpoint, ComputesAgainInsteadOfKeeping) {
  int calls = 0;
  const auto fun = [&](const Arrays& x) {
    ++calls;
    return Arrays{sum(exp(sin(multiply(x[0], x[1]))))};
  };
  const Arrays x = {array({0.3f, 0.5f}), array({1.1f, 0.7f})};
  const auto loss = [&](const auto& f) { return [&f](const Arrays& at) { return f(at)[0]; }; };
  const auto wanted = grad(loss(fun), {0, 1})(x);
  calls = 0;
  const auto f = checkpoint(fun);
  const auto got = grad(loss(f), {0, 1})(x);
  EXPECT_EQ(calls, 2);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(array_equal(got[i], wanted[i]).item<bool>());
}

TEST(Checkpoint, KeepsLessMemory) {
  // 24 layers of 1 MB: without checkpoints every layer's intermediate results live until the way back.
  const auto layer = [](const Arrays& x) { return Arrays{sin(add(exp(multiply(x[0], array(0.01f))), tanh(x[0])))}; };
  const auto run = [&](const std::function<Arrays(const Arrays&)>& f) {
    const auto loss = [&](const array& x) {
      array y = x;
      for (int i = 0; i < 24; ++i) y = f({y})[0];
      return sum(y);
    };
    const array x = ones({256, 1024});
    eval(x);
    reset_peak_memory();
    const size_t before = get_active_memory();
    eval(grad(std::function<array(const array&)>(loss))(x));
    return get_peak_memory() - before;
  };
  const size_t plain = run(layer);
  EXPECT_LT(run(checkpoint(layer)), plain / 2);
}

TEST(Vmap, MapsUnaryAndBinaryFunctions) {
  const array x = reshape(arange(6), {2, 3});
  EXPECT_TRUE(array_equal(vmap([](const array& a) { return sum(a); })(x), array({3, 12})).item<bool>());
  EXPECT_TRUE(array_equal(vmap([](const array& a) { return sum(a); }, 1)(x), array({3, 5, 7})).item<bool>());
  const auto product = vmap([](const array& a, const array& b) { return multiply(a, b); }, 0, -1, 1);
  EXPECT_EQ(product(x, array({1, 2, 3})).shape(), (Shape{3, 2}));
}

TEST(Vmap, RepeatsWhatDoesNotDependOnInputs) {
  const auto f = [](const Arrays& x) { return Arrays{x[0], array(4.0f), x[1]}; };
  const Arrays out = vmap(f, {0, -1}, {0, 0, -1})({ones({3, 2}), ones({5})});
  EXPECT_EQ(out[1].shape(), (Shape{3}));
  EXPECT_EQ(out[2].shape(), (Shape{5}));
}

TEST(Vmap, ChecksAxes) {
  const auto f = [](const Arrays& x) { return Arrays{add(x[0], x[1])}; };
  const array x = ones({2, 3});
  EXPECT_THROW(vmap(f)({x, ones({3, 3})}), std::invalid_argument);
  EXPECT_THROW(vmap(f, {0})({x, x}), std::invalid_argument);
  EXPECT_THROW(vmap(f, {0, 2})({x, x}), std::invalid_argument);
  EXPECT_THROW(vmap(f, {-1, -1})({x, x}), std::invalid_argument);
  EXPECT_THROW(vmap(f, {0, 0}, {2})({x, x}), std::invalid_argument);
  EXPECT_THROW(vmap(f, {0, 0}, {0, 0})({x, x}), std::invalid_argument);
  EXPECT_THROW(vmap(f, {0, 0}, {-1})({x, x}), std::invalid_argument);
  EXPECT_THROW(vmap(f)({array(1.0f), x}), std::invalid_argument);
}

TEST(Depends, OrdersAndHandsOn) {
  const Arrays out = depends({array(1.0f), array(2)}, {array(3.0f)});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(array(out[1]).item<int>(), 2);
  EXPECT_TRUE(depends({}, {array(1.0f)}).empty());
}

}  // namespace
}  // namespace mica
