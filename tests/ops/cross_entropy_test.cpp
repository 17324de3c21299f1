// fast::cross_entropy; expected values are MLX 0.32.4's.
#include <gtest/gtest.h>

#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/reduce.h"
#include "mica/transforms/transforms.h"

namespace mica {
namespace {

const std::initializer_list<float> kLogits = {1, 2, 3, 0, -1, 5};

// MLX prints six digits.
constexpr float kTolerance = 5e-6f;

TEST(CrossEntropy, ValuesAndGradient) {
  const array x(kLogits, {2, 3});
  const array targets({2, 1}, int32);
  array loss = fast::cross_entropy(x, targets);
  loss.eval();
  EXPECT_EQ(loss.shape(), Shape{2});
  EXPECT_NEAR(loss.data<float>()[0], 0.407606f, kTolerance);
  EXPECT_NEAR(loss.data<float>()[1], 6.00917f, kTolerance);
  array gradient = grad([&](const array& a) { return sum(fast::cross_entropy(a, targets)); })(x);
  gradient.eval();
  const std::initializer_list<float> expected = {0.0900306f, 0.244728f, -0.334759f, 0.00667641f, -0.997544f, 0.990867f};
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(gradient.data<float>()[i], expected.begin()[i], kTolerance) << i;
  // Halves are summed in float32 and not rounded at the end.
  EXPECT_EQ(fast::cross_entropy(astype(x, float16), targets).dtype(), float32);
}

TEST(CrossEntropy, WrongTargetsAreRefused) {
  const array x(kLogits, {2, 3});
  EXPECT_THROW(fast::cross_entropy(x, array({2.0f, 1.0f})), std::invalid_argument);
  EXPECT_THROW(fast::cross_entropy(x, array({0, 1}, {2, 1})), std::invalid_argument);
  EXPECT_THROW(fast::cross_entropy(x, array({0, 3}, int32)).eval(), std::out_of_range);
}

}  // namespace
}  // namespace mica
