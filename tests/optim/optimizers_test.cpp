// Optimizers, schedules and clipping against MLX (tests/fixtures/optim.json, made by tests/oracle/optim_oracle.py).

#include <fmt/format.h>

#include "mica/array/evaluate.h"
#include "mica/nn/member.h"
#include "mica/ops/reduce.h"
#include "mica/optim/optim.h"
#include "tests/nn/filled.h"

namespace mica {
namespace {

using optim::Optimizer;
using test::expect_digest;
using Made = std::shared_ptr<Optimizer>;

// 20 steps in float32, with sums in another order: 1e-5 of the values' size. bfloat16 has 8 bits of precision.
constexpr double kTolerance = 1e-5;
constexpr double kHalfTolerance = 8e-3;

template <typename O, typename... Args>
Made make(Args&&... args) {
  return std::make_shared<O>(std::forward<Args>(args)...);
}

Made optimizer_named(const std::string& name) {
  using namespace optim;
  if (name == "SGD") return make<SGD>(0.05);
  if (name == "SGD momentum") {
    return make<SGD>(0.05, SGDOptions{.momentum = 0.9, .weight_decay = 0.02, .dampening = 0.1});
  }
  if (name == "SGD nesterov") return make<SGD>(0.05, SGDOptions{.momentum = 0.9, .nesterov = true});
  if (name == "RMSprop") return make<RMSprop>(0.01, RMSpropOptions{.alpha = 0.95, .eps = 1e-6});
  if (name == "Adagrad") return make<Adagrad>(0.1);
  if (name == "AdaDelta") return make<AdaDelta>(1.0);
  if (name == "Adam") return make<Adam>(0.02);
  if (name == "Adam correction") {
    return make<Adam>(0.02, AdamOptions{.betas = {0.8, 0.99}, .eps = 1e-6, .bias_correction = true});
  }
  if (name == "AdamW" || name == "AdamW bfloat16") return make<AdamW>(0.02, AdamWOptions{.weight_decay = 0.1});
  if (name == "AdamW schedule") return make<AdamW>(cosine_decay(0.05, 15, 0.001));
  if (name == "Adamax") return make<Adamax>(0.02);
  if (name == "Lion") return make<Lion>(0.01, LionOptions{.weight_decay = 0.1});
  if (name == "Adafactor") return make<Adafactor>();
  if (name == "Adafactor warmup") {
    return make<Adafactor>(AdafactorOptions{.beta_1 = 0.9, .weight_decay = 0.01, .warmup_init = true});
  }
  if (name == "Adafactor rate") {
    return make<Adafactor>(AdafactorOptions{.learning_rate = 0.02, .scale_parameter = false, .relative_step = false});
  }
  if (name == "Muon") return make<Muon>(0.02);
  if (name == "Muon plain") {
    return make<Muon>(0.02, MuonOptions{.momentum = 0.8, .weight_decay = 0.0, .nesterov = false, .ns_steps = 3});
  }
  if (name == "MultiOptimizer") {
    return make<MultiOptimizer>(std::vector<Made>{make<Muon>(0.02), make<AdamW>(0.01)},
                                std::vector<MultiOptimizer::Filter>{[](const std::string& path, const array& g) {
                                  return g.ndim() >= 2 && path.find("layers") != std::string::npos;
                                }});
  }
  return nullptr;
}

/// The script's tree of parameters or gradients.
Tree tree_of(int64_t salt, double scale, Dtype dtype = float32) {
  const auto leaf = [&](const std::string& path, const Shape& shape) {
    return astype(test::filled(shape, salt + test::salt_of(path), scale), dtype);
  };
  return Tree::dict({{"weight", leaf("weight", {4, 6})},
                     {"bias", leaf("bias", {6})},
                     {"layers", Tree::list({Tree::dict({{"kernel", leaf("layerskernel", {3, 2, 2, 4})}}),
                                            Tree::dict({{"tall", leaf("layerstall", {9, 2})}})})}});
}

const Json& fixture() {
  static const Json all = test::fixture("optim.json");
  return all;
}

class Optimizers : public testing::TestWithParam<size_t> {};

void expect_tree(const Tree& tree, const Json& wanted, double tolerance, const std::string& what) {
  const auto leaves = tree_flatten(tree);
  ASSERT_EQ(leaves.size(), wanted.size()) << what;
  for (const auto& [path, value] : leaves) {
    ASSERT_TRUE(wanted.contains(path)) << what << " has no " << path;
    EXPECT_EQ(dtype_name(value.dtype()), wanted[path]["dtype"].get<std::string>()) << what << " " << path;
    expect_digest(value, wanted[path], tolerance, fmt::format("{} {}", what, path));
  }
}

TEST_P(Optimizers, EqualMlx) {
  const Json& wanted = fixture()["optimizers"][GetParam()];
  const auto name = wanted["name"].get<std::string>();
  SCOPED_TRACE(name);
  const Made optimizer = optimizer_named(name);
  ASSERT_TRUE(optimizer);
  const bool half = wanted["dtype"] == "bfloat16";
  const Dtype dtype = half ? bfloat16 : float32;
  Tree parameters = tree_of(0, 1.0, dtype);
  for (int step = 0; step < fixture()["steps"].get<int>(); ++step) {
    parameters = optimizer->apply_gradients(tree_of(1 + step, 0.5, dtype), parameters);
    eval(parameters, optimizer->state());
  }
  const double tolerance = half ? kHalfTolerance : kTolerance;
  expect_tree(parameters, wanted["parameters"], tolerance, "parameter");
  expect_tree(optimizer->state(), wanted["state"], tolerance, "state");
}

std::string optimizer_name(const testing::TestParamInfo<size_t>& info) {
  std::string name = fixture()["optimizers"][info.param]["name"].get<std::string>();
  for (char& c : name) {
    if (c == ' ') c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Optim, Optimizers, testing::Range<size_t>(0, fixture()["optimizers"].size()), optimizer_name);

TEST(Optimizers, SavedStateGoesOn) {
  // Ten steps, a new optimizer with the saved state, ten more: the same as twenty.
  for (const std::string name : {"AdamW schedule", "Adafactor", "MultiOptimizer", "SGD momentum"}) {
    const Made whole = optimizer_named(name);
    Tree expected = tree_of(0, 1.0);
    for (int step = 0; step < 20; ++step) expected = whole->apply_gradients(tree_of(1 + step, 0.5), expected);

    Made part = optimizer_named(name);
    Tree parameters = tree_of(0, 1.0);
    for (int step = 0; step < 20; ++step) {
      if (step == 10) {
        const auto saved = tree_flatten(part->state());
        part = optimizer_named(name);
        part->set_state(tree_unflatten(saved));
      }
      parameters = part->apply_gradients(tree_of(1 + step, 0.5), parameters);
    }
    const auto last = tree_flatten(parameters);
    const auto wanted = tree_flatten(expected);
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_TRUE(array_equal(last[i].second, wanted[i].second).item<bool>()) << name << " " << wanted[i].first;
    }
  }
}

TEST(Optimizers, UpdateSetsOnlyWhatHasAGradient) {
  struct Two : nn::Module {
    nn::Parameter a{this, "a", array({1.0f, 2.0f})};
    nn::Parameter b{this, "b", array({3.0f})};
  } model;
  optim::SGD sgd(0.5);
  sgd.update(model, Tree::dict({{"a", array({1.0f, -1.0f})}}));
  EXPECT_TRUE(array_equal(model.a, array({0.5f, 2.5f})).item<bool>());
  EXPECT_TRUE(array_equal(model.b, array({3.0f})).item<bool>());
  EXPECT_EQ(sgd.step().item<int>(), 1);
  sgd.set_learning_rate(0.25);
  EXPECT_FLOAT_EQ(sgd.learning_rate().item<float>(), 0.25f);
}

TEST(Optimizers, RefuseWhatMakesNoSense) {
  using namespace optim;
  EXPECT_THROW(SGD(0.1, {.nesterov = true}), std::invalid_argument);
  EXPECT_THROW(RMSprop(0.1, {.eps = 0.0}), std::invalid_argument);
  EXPECT_THROW(Adam(0.1, {.betas = {0.9, 1.0}}), std::invalid_argument);
  EXPECT_THROW(Lion(0.1, {.betas = {-0.1, 0.9}}), std::invalid_argument);
  EXPECT_THROW(Adafactor({.relative_step = false}), std::invalid_argument);
  EXPECT_THROW(MultiOptimizer({make<SGD>(0.1)}, {{}, {}}), std::invalid_argument);
  EXPECT_THROW(Adafactor().learning_rate(), std::invalid_argument);
  SGD sgd(0.1);
  const Tree parameter = Tree::dict({{"w", array({1.0f, 2.0f})}});
  EXPECT_THROW(sgd.apply_gradients(Tree::dict({{"x", array({1.0f})}}), parameter), std::invalid_argument);
  EXPECT_THROW(sgd.apply_gradients(Tree::dict({{"w", array({1.0f})}}), parameter), std::invalid_argument);
}

TEST(Schedules, EqualMlx) {
  using namespace optim;
  const std::map<std::string, Schedule> schedules = {
      {"exponential_decay", exponential_decay(0.1, 0.97)},
      {"step_decay", step_decay(0.1, 0.5, 10)},
      {"cosine_decay", cosine_decay(0.1, 25)},
      {"cosine_decay end", cosine_decay(0.05, 15, 0.001)},
      {"linear_schedule", linear_schedule(0.0, 0.1, 10)},
      {"join_schedules",
       join_schedules({linear_schedule(0.0, 0.1, 10), cosine_decay(0.1, 50), step_decay(0.02, 0.1, 20)}, {10, 60})},
  };
  ASSERT_EQ(schedules.size(), fixture()["schedules"].size());
  const Json& steps = fixture()["schedule_steps"];
  for (const auto& [name, schedule] : schedules) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const float rate = schedule(array(steps[i].get<int>(), uint64)).item<float>();
      // Float32 rounding of cos and power near their zeros.
      EXPECT_NEAR(rate, fixture()["schedules"][name][i].get<double>(), 1e-8) << name << " at " << steps[i];
    }
  }
  EXPECT_THROW(cosine_decay(0.1, 0), std::invalid_argument);
  EXPECT_THROW(join_schedules({cosine_decay(0.1, 5)}, {5}), std::invalid_argument);
}

TEST(ClipGradNorm, EqualsMlx) {
  for (const Json& wanted : fixture()["clip_grad_norm"]) {
    const auto [gradients, norm] = optim::clip_grad_norm(tree_of(3, 2.0), wanted["max_norm"].get<double>());
    EXPECT_NEAR(norm.item<float>(), wanted["norm"].get<double>(), 1e-5 * wanted["norm"].get<double>());
    expect_tree(gradients, wanted["gradients"], kTolerance, "gradient");
  }
  EXPECT_THROW(optim::clip_grad_norm(Tree(), -1.0), std::invalid_argument);
}

}  // namespace
}  // namespace mica
