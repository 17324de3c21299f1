// fast::gated_delta_update; expected values come from tests/oracle/gated_delta_oracle.py.
#include "mica/ops/gated_delta.h"

#include <gtest/gtest.h>

#include "cases.h"
#include "mica/ops/create.h"
#include "mica/ops/random.h"
#include "mica/transforms/transforms.h"

namespace mica {
namespace {

using Arrays = std::vector<array>;

array numbers(const Shape& shape, uint64_t seed) {
  return random::uniform(-0.5f, 0.5f, shape, float32, random::key(seed));
}

Arrays inputs(Dtype dtype) {
  Arrays out = {numbers({2, 4, 1, 3}, 1), numbers({2, 4, 1, 3}, 2), numbers({2, 4, 2, 5}, 3), numbers({2, 4, 2}, 4),
                numbers({2, 4, 2}, 5)};
  for (array& input : out) input = astype(input, dtype);
  return out;
}

Arrays update(const Arrays& x) {
  return fast::gated_delta_update(x[0], x[1], x[2], x[3], x[4]);
}

TEST(GatedDelta, AsMlx) {
  const auto run = [](const Arrays& x, const Json& args) {
    std::optional<array> state;
    std::optional<array> mask;
    size_t next = 5;
    if (args.at("state").get<bool>()) state = x[next++];
    if (args.at("mask").get<bool>()) mask = x[next];
    return fast::gated_delta_update(x[0], x[1], x[2], x[3], x[4], state, mask);
  };
  // Sums of a dozen products in another order; MLX rounds halves at every step, mica at the end.
  test::run_cases("gated_delta", {{"gated_delta_update", run}}, [](const std::string&, Dtype dtype) {
    return dtype == float32   ? test::Tolerance{2e-5, 2e-5}
           : dtype == float16 ? test::Tolerance{2e-3, 2e-3}
                              : test::Tolerance{2e-2, 2e-2};
  });
}

TEST(GatedDelta, KernelIsWhatItsOperationsSay) {
  // float64 is computed by the operations.
  const Arrays fast = update(inputs(float32));
  const Arrays plain = update(inputs(float64));
  EXPECT_EQ(plain[0].dtype(), float64);
  for (size_t i = 0; i < 2; ++i) test::expect_close(fast[i], astype(plain[i], float32), {1e-5, 1e-6});
}

TEST(GatedDelta, GradientAgreesWithFiniteDifferences) {
  const Arrays at = inputs(float64);
  const auto loss = [](const Arrays& x) {
    const Arrays out = update(x);
    return add(sum(square(out[0])), sum(multiply(out[1], out[1])));
  };
  const Arrays gradients = grad(loss, std::vector<int>{0, 1, 2, 3, 4})(at);
  for (size_t i = 0; i < at.size(); ++i) {
    const array direction = astype(numbers(at[i].shape(), 20 + i), float64);
    const auto moved = [&](double step) {
      Arrays x = at;
      x[i] = add(x[i], multiply(direction, array(step, float64)));
      return loss(x).item<double>();
    };
    const double expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    EXPECT_NEAR(sum(multiply(gradients[i], direction)).item<double>(), expected, 1e-7) << i;
  }
}

TEST(GatedDelta, WrongShapesAreRefused) {
  const Arrays x = inputs(float32);
  EXPECT_THROW(fast::gated_delta_update(x[0], x[2], x[2], x[3], x[4]), std::invalid_argument);
  EXPECT_THROW(fast::gated_delta_update(x[0], x[1], ones({2, 4}), x[3], x[4]), std::invalid_argument);
  EXPECT_THROW(fast::gated_delta_update(x[0], x[1], x[2], ones({2, 4, 1}), x[4]), std::invalid_argument);
  EXPECT_THROW(fast::gated_delta_update(x[0], x[1], x[2], x[3], x[4], ones({2, 2, 3, 5})), std::invalid_argument);
  EXPECT_THROW(fast::gated_delta_update(x[0], x[1], x[2], x[3], x[4], {}, ones({2, 5})), std::invalid_argument);
}

}  // namespace
}  // namespace mica
