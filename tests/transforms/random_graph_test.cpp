// Random graphs: compiled, or computed lazily with memory passed on, they give what computing every node by itself
// gives, and no array that is alive changes.

#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "mica/mica.h"
#include "op_table.h"

namespace mica::testing {
namespace {

/// A function of two arrays [n, n] that applies `length` random operations to what it has so far.
class RandomGraph {
 public:
  RandomGraph(unsigned seed, ShapeElem n, int length) : n_(n) {
    std::mt19937 random(seed);
    for (int i = 0; i < length; ++i) {
      // Mostly the newest values, so that long chains arise whose memory is passed on.
      const auto pick = [&] {
        return i + 1 - static_cast<int>(random() % 4 == 0 ? random() % (i + 2u) : random() % 2u);
      };
      const int a = pick();
      const int b = pick();
      steps_.push_back({static_cast<int>(random() % kOperations), a, b});
    }
    for (int i = 0; i < 3; ++i) outputs_.push_back(static_cast<size_t>(2 + static_cast<int>(random() % length)));
    outputs_.push_back(steps_.size() + 1);
  }

  Arrays operator()(const Arrays& inputs) const {
    return run(inputs, [](const array&) {});
  }

  /// Every value computed alone and kept.
  Arrays step_by_step(const Arrays& inputs) const {
    Arrays all;
    return run(inputs, [&](array value) {
      value.eval();
      all.push_back(value);
    });
  }

 private:
  struct Step {
    int operation;
    int a;
    int b;
  };
  static constexpr unsigned kOperations = 14;

  Arrays run(const Arrays& inputs, const std::function<void(array)>& seen) const {
    Arrays values = inputs;
    for (const Step& step : steps_) {
      values.push_back(apply(step.operation, values[static_cast<size_t>(step.a)], values[static_cast<size_t>(step.b)]));
      seen(values.back());
    }
    Arrays out;
    for (const size_t output : outputs_) out.push_back(values[output]);
    return out;
  }

  array apply(int operation, const array& a, const array& b) const {
    const array half(0.5f);
    switch (operation) {
      case 0:
        return tanh(a);
      case 1:
        return multiply(add(a, b), half);
      case 2:
        return where(greater(a, b), sin(a), b);
      case 3:
        return transpose(a);
      case 4:
        return flip(a, 0);
      case 5:
        return slice_update(a, slice(b, {0, 0}, {n_ / 2, n_}), {1, 0}, {n_ / 2 + 1, n_});
      case 6:
        return multiply(cumsum(a, 1), array(0.1f));
      case 7:
        return subtract(a, mean(b, 1, true));
      case 8:
        return softmax(a, -1);
      case 9:
        return sort(a, 0);
      case 10:
        return roll(a, 3, 1);
      case 11:
        return reshape(transpose(reshape(a, {2, n_ / 2, n_}), {1, 0, 2}), {n_, n_});
      case 12:
        return astype(astype(multiply(a, array(50.0f)), int32), float32);
      default:
        return scatter_add(a, array({1, 3, 1}, int32), slice(reshape(b, {n_, 1, n_}), {0, 0, 0}, {3, 1, n_}), 0);
    }
  }

  ShapeElem n_;
  std::vector<Step> steps_;
  std::vector<size_t> outputs_;
};

void expect_same(const Arrays& got, const Arrays& wanted, const char* what) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(array_equal(got[i], wanted[i], true).item<bool>()) << what << ", output " << i;
}

/// Copies with memory of their own.
Arrays copies(const Arrays& arrays) {
  Arrays out;
  for (const array& a : arrays) out.push_back(add(a, array(0.0f)));
  eval(out);
  return out;
}

/// 8 × 8 arrays keep their memory in a program, those of 80 × 80 do not.
class RandomGraphs : public ::testing::TestWithParam<ShapeElem> {};

TEST_P(RandomGraphs, GiveTheSameInEveryWay) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const RandomGraph graph(seed, GetParam(), 30);
    const Function compiled = compile(graph);
    for (int round = 0; round < 3; ++round) {
      const array shift(0.1f * static_cast<float>(round));
      const Arrays inputs = {add(astype(scattered({GetParam(), GetParam()}), float32), shift),
                             astype(scattered({GetParam(), GetParam()}, -2, 1), float32)};
      const Arrays before = copies(inputs);
      const Arrays wanted = graph.step_by_step(inputs);
      expect_same(graph(inputs), wanted, "lazy");
      const Arrays got = compiled(inputs);
      expect_same(got, wanted, "compiled");
      // With inputs that nobody else holds, and results of the run before still alive.
      expect_same(compiled(copies(inputs)), wanted, "compiled, inputs given away");
      expect_same(got, wanted, "results of the run before");
      expect_same(inputs, before, "inputs");
    }
  }
}

TEST_P(RandomGraphs, HaveTheSameGradientsInEveryWay) {
  for (unsigned seed = 100; seed < 115; ++seed) {
    SCOPED_TRACE(seed);
    const RandomGraph graph(seed, GetParam(), 12);
    const auto gradients = [&](const Arrays& x) {
      return grad([&](const Arrays& at) { return sum(graph(at).back()); }, std::vector<int>{0, 1})(x);
    };
    const Arrays inputs = copies({astype(scattered({GetParam(), GetParam()}), float32),
                                  astype(scattered({GetParam(), GetParam()}, -2, 1), float32)});
    const Arrays before = copies(inputs);
    const Arrays wanted = gradients(inputs);
    expect_same(compile(gradients)(inputs), wanted, "compiled gradient");
    expect_same(inputs, before, "inputs");
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, RandomGraphs, ::testing::Values(8, 80));

TEST(Transforms, WorkInManyThreadsAtOnce) {
  const Function compiled = compile([](const Arrays& v) { return Arrays{sum(exp(multiply(v[0], v[1])))}; });
  const array shared = exp(scattered({64}));
  const auto work = [&](int number) {
    for (int i = 0; i < 20; ++i) {
      const array x = multiply(scattered({64}), array(1.0 + number, float64));
      const auto loss = [&](const array& at) { return sum(exp(multiply(at, shared))); };
      const double direct = loss(x).item<double>();
      ASSERT_EQ(compiled({x, shared})[0].item<double>(), direct);
      ASSERT_TRUE(allclose(grad(loss)(x), multiply(shared, exp(multiply(x, shared)))).item<bool>());
    }
  };
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) threads.emplace_back(work, number);
  for (std::thread& thread : threads) thread.join();
}

TEST(Transforms, TrainInConstantMemory) {
  array w = zeros({32, 32});
  const array x = astype(scattered({16, 32}), float32);
  const auto loss = [&](const array& weight) { return mean(square(subtract(tanh(matmul(x, weight)), x))); };
  const auto step = value_and_grad(std::function<array(const array&)>(loss));
  const auto train = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto [value, slope] = step(w);
      w = subtract(w, multiply(slope, array(0.5f)));
      eval(value, w);
    }
  };
  train(20);
  const size_t before = get_active_memory();
  train(10000);
  EXPECT_LE(get_active_memory(), before);
  EXPECT_FALSE(w.has_primitive());
}

}  // namespace
}  // namespace mica::testing
