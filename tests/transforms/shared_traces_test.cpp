// Arrays of a trace that is not finished, in the hands of another thread; graphs that one thread reads while another
// computes them. Made to be run under ThreadSanitizer, too.

#include <atomic>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "mica/mica.h"
#include "op_table.h"

namespace mica::testing {
namespace {

using Function = std::function<std::vector<array>(const std::vector<array>&)>;

/// x² + 1, times x; on the way another thread does something with x² + 1.
Function leaking(const std::function<void(array)>& elsewhere) {
  return [elsewhere](const Arrays& v) {
    const array leaked = add(square(v[0]), array(1.0, float64));
    std::async(std::launch::async, elsewhere, leaked).get();
    return Arrays{sum(multiply(leaked, v[0]))};
  };
}

void evaluate(array leaked) {
  leaked.eval();
}

TEST(SharedTraces, KeepTheirGraphWhenAnotherThreadEvaluates) {
  const array x({1.0, 2.0, 3.0}, float64);
  std::vector<double> seen;
  const Function fun = leaking([&](const array& leaked) { seen = values_of(leaked); });
  // d/dx (x³ + x) = 3x² + 1
  const std::vector<double> slope = {4, 13, 28};
  const auto [values, gradients] = vjp(fun, {x}, {array(1.0, float64)});
  EXPECT_EQ(values_of(gradients[0]), slope);
  EXPECT_EQ(values_of(values[0]), std::vector<double>{42});
  EXPECT_EQ(seen, (std::vector<double>{2, 5, 10}));
  const auto [results, tangents] = jvp(fun, {x}, {array({1.0, 0.0, 1.0}, float64)});
  EXPECT_EQ(values_of(tangents[0]), std::vector<double>{32});
  // Second derivatives: 6x.
  const auto slopes = [&](const Arrays& v) { return vjp(fun, v, {array(1.0, float64)}).second; };
  EXPECT_EQ(values_of(vjp(slopes, {x}, {array({1.0, 1.0, 1.0}, float64)}).second[0]), (std::vector<double>{6, 12, 18}));
}

TEST(SharedTraces, LoseTheirGraphWhenTheyEnd) {
  const array x({1.0, 2.0, 3.0}, float64);
  array kept = x;
  vjp(leaking([&](array leaked) {
        leaked.eval();
        kept = leaked;
      }),
      {x}, {array(1.0, float64)});
  EXPECT_TRUE(kept.has_primitive());
  evaluate(kept);
  EXPECT_FALSE(kept.has_primitive());
}

TEST(SharedTraces, FailElsewhereWhereTheyHaveNoValues) {
  const array x({1.0, 2.0, 3.0}, float64);
  const Function fun = leaking([](const array& leaked) {
    EXPECT_THROW(evaluate(leaked), std::invalid_argument);
    EXPECT_THROW(evaluate(exp(leaked)), std::invalid_argument);
  });
  EXPECT_EQ(values_of(compile(fun)({x})[0]), std::vector<double>{42});
  EXPECT_EQ(values_of(vmap(fun)({stack({x, x})})[0]), (std::vector<double>{42, 42}));
}

TEST(SharedTraces, MayBePartOfOthers) {
  const array x({1.0, 2.0, 3.0}, float64);
  const Function fun = leaking([](const array& leaked) {
    const auto product = [&](const Arrays& v) { return Arrays{sum(multiply(exp(leaked), v[0]))}; };
    const array wanted = exp(array({2.0, 5.0, 10.0}, float64));
    EXPECT_EQ(values_of(vjp(product, {leaked}, {array(1.0, float64)}).second[0]), values_of(wanted));
  });
  EXPECT_EQ(values_of(vjp(fun, {x}, {array(1.0, float64)}).second[0]), (std::vector<double>{4, 13, 28}));
}

TEST(Evaluation, ThatCannotBePlannedSchedulesNothing) {
  const array captured({1.0, 2.0, 3.0}, float64);
  array without_argument = captured;
  const auto fun = [&](const Arrays& v) {
    without_argument = exp(captured);
    array both = add(without_argument, v[0]);
    EXPECT_THROW(both.eval(), std::invalid_argument);
    EXPECT_EQ(without_argument.status(), array::Status::unscheduled);
    if (without_argument.status() != array::Status::unscheduled) throw std::logic_error("nobody would compute it");
    return Arrays{both};
  };
  const array x({0.0, 0.0, 0.0}, float64);
  EXPECT_EQ(values_of(compile(fun)({x})[0]), values_of(exp(captured)));
  EXPECT_EQ(values_of(without_argument), values_of(exp(captured)));
}

TEST(Evaluation, MayFreeMemoryWhoseEndEvaluates) {
  std::vector<double> memory = {1, 2, 3};
  double at_the_end = 0;
  const array ones({1.0, 1.0, 1.0}, float64);
  array kept = ones;
  vjp(
      [&](const Arrays& v) {
        const array foreign(memory.data(), {3}, float64, [&](void*) { at_the_end = sum(ones).item<double>(); });
        kept = add(v[0], foreign);
        kept.eval();
        return Arrays{kept};
      },
      {ones}, {ones});
  EXPECT_EQ(at_the_end, 0);
  kept.eval();
  EXPECT_EQ(at_the_end, 3);
}

TEST(Threads, TransformWhatOthersCompute) {
  const array start({1.0, 2.0, 3.0}, float64);
  for (int round = 0; round < 200; ++round) {
    const array shared = broadcast_to(exp(add(start, array(1.0, float64))), {2, 3});
    std::atomic<int> ready = 0;
    const auto meet = [&] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
    };
    std::jthread computing([&] {
      meet();
      array(shared).eval();
    });
    const auto fun = [&](const Arrays& v) { return Arrays{sum(multiply(v[0], shared)), shared}; };
    meet();
    switch (round % 4) {
      case 0:
        vjp(fun, {shared}, {array(1.0, float64), shared});
        break;
      case 1:
        compile(fun)({start});
        break;
      case 2:
        compile(fun, true)({start});
        break;
      default:
        depends({shared}, {start});
    }
  }
}

}  // namespace
}  // namespace mica::testing
