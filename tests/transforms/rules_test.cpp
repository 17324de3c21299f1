// Properties of the rules of all ops: gradients and tangents against finite differences, vmap against a loop.

#include <gtest/gtest.h>

#include "mica/mica.h"
#include "op_table.h"

namespace mica::testing {
namespace {

bool is_varied(const array& a) {
  return a.dtype() == float64;
}

/// Different numbers of the shape of `like`, as cotangents and directions.
array direction(const array& like) {
  return astype(scattered(like.shape(), -1.3, 1.7), like.dtype());
}

double dot(const array& a, const array& b) {
  const auto x = values_of(a);
  const auto y = values_of(b);
  double total = 0;
  for (size_t i = 0; i < x.size(); ++i) total += x[i] * y[i];
  return total;
}

double dot(const Arrays& a, const Arrays& b) {
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i) total += dot(a[i], b[i]);
  return total;
}

Arrays varied_inputs(const OpCase& op) {
  Arrays out;
  for (const array& input : op.inputs) {
    if (is_varied(input)) out.push_back(input);
  }
  return out;
}

/// The op as a function of its varied inputs.
Function of_varied(const OpCase& op) {
  return [&op](const Arrays& x) {
    Arrays all = op.inputs;
    size_t next = 0;
    for (array& input : all) {
      if (is_varied(input)) input = x[next++];
    }
    return op.fun(all);
  };
}

Arrays directions(const Arrays& like) {
  Arrays out;
  for (const array& a : like) out.push_back(direction(a));
  return out;
}

/// Σ f(x) · c differentiated by every element of every input, by central differences. In float64 the rounding error is
/// about 1e-16 / step and the truncation error step² · f''' / 6: both below 1e-9 with this step.
std::vector<std::vector<double>> finite_differences(const Function& f, const Arrays& at, const Arrays& cotangents) {
  const double step = 1e-5;
  std::vector<std::vector<double>> out;
  for (size_t n = 0; n < at.size(); ++n) {
    const std::vector<double> base = values_of(at[n]);
    std::vector<double> slopes;
    for (size_t i = 0; i < base.size(); ++i) {
      const auto moved = [&](double by) {
        std::vector<double> values = base;
        values[i] += by;
        Arrays inputs = at;
        inputs[n] = array(values.begin(), at[n].shape(), float64);
        return dot(f(inputs), cotangents);
      };
      slopes.push_back((moved(step) - moved(-step)) / (2 * step));
    }
    out.push_back(std::move(slopes));
  }
  return out;
}

/// The errors above with room for f''' up to some thousands.
constexpr double kDifferenceTolerance = 3e-7;

void expect_slopes(const Arrays& slopes, const std::vector<std::vector<double>>& wanted) {
  ASSERT_EQ(slopes.size(), wanted.size());
  for (size_t n = 0; n < slopes.size(); ++n) {
    const auto got = values_of(slopes[n]);
    ASSERT_EQ(got.size(), wanted[n].size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], wanted[n][i], kDifferenceTolerance * (1 + std::abs(wanted[n][i])))
          << "input " << n << ", element " << i;
    }
  }
}

class Rules : public ::testing::TestWithParam<OpCase> {};

TEST_P(Rules, GradientIsTheLimitOfDifferences) {
  const Function f = of_varied(GetParam());
  const Arrays x = varied_inputs(GetParam());
  const Arrays cotangents = directions(f(x));
  expect_slopes(vjp(f, x, cotangents).second, finite_differences(f, x, cotangents));
}

TEST_P(Rules, SecondGradientIsTheLimitOfDifferences) {
  const Function f = of_varied(GetParam());
  const Arrays x = varied_inputs(GetParam());
  const Arrays cotangents = directions(f(x));
  const Function slope = [&](const Arrays& at) { return vjp(f, at, cotangents).second; };
  const Arrays second_cotangents = directions(x);
  expect_slopes(vjp(slope, x, second_cotangents).second, finite_differences(slope, x, second_cotangents));
}

TEST_P(Rules, TangentsAndGradientsAgree) {
  const Function f = of_varied(GetParam());
  const Arrays x = varied_inputs(GetParam());
  const Arrays tangents = directions(x);
  const auto [outputs, moved] = jvp(f, x, tangents);
  const Arrays cotangents = directions(outputs);
  const double forward = dot(moved, cotangents);
  // The same sum of products in another order: only rounding differs.
  EXPECT_NEAR(forward, dot(vjp(f, x, cotangents).second, tangents), 1e-11 * (1 + std::abs(forward)));
  // Each input alone, too.
  for (size_t n = 0; n < x.size(); ++n) {
    const auto only = [&](const Arrays& a) {
      Arrays all = x;
      all[n] = a[0];
      return f(all);
    };
    const double one = dot(jvp(only, {x[n]}, {tangents[n]}).second, cotangents);
    EXPECT_NEAR(one, dot(vjp(only, {x[n]}, cotangents).second, {tangents[n]}), 1e-11 * (1 + std::abs(one)));
  }
}

/// An input for batch number b: near the given one, so that the op stays smooth; indices change places.
array variant(const array& a, int b) {
  if (issubdtype(a.dtype(), inexact)) return multiply(a, array(1 - 0.06 * b, a.dtype()));
  return reshape(roll(flatten(a), b), a.shape());
}

constexpr int kBatch = 3;

/// Compares vmap with a loop, the inputs in `mapped` (a bit set) having their batch axis at `shift` modulo their axes.
void expect_vmap_is_loop(const OpCase& op, unsigned mapped, int shift) {
  Arrays inputs = op.inputs;
  std::vector<int> axes;
  for (size_t n = 0; n < inputs.size(); ++n) {
    if (((mapped >> n) & 1u) == 0) {
      axes.push_back(-1);
      continue;
    }
    Arrays variants;
    for (int b = 0; b < kBatch; ++b) variants.push_back(variant(op.inputs[n], b));
    axes.push_back((shift + static_cast<int>(n)) % static_cast<int>(op.inputs[n].ndim() + 1));
    inputs[n] = stack(variants, axes.back());
  }
  std::vector<Arrays> loop;
  for (int b = 0; b < kBatch; ++b) {
    Arrays at = op.inputs;
    for (size_t n = 0; n < at.size(); ++n) {
      if (axes[n] >= 0) at[n] = variant(at[n], b);
    }
    loop.push_back(op.fun(at));
  }
  std::vector<int> out_axes;
  for (const array& output : loop[0]) out_axes.push_back(shift % static_cast<int>(output.ndim() + 1));
  const Arrays got = vmap(op.fun, axes, out_axes)(inputs);
  ASSERT_EQ(got.size(), loop[0].size());
  for (size_t i = 0; i < got.size(); ++i) {
    Arrays parts;
    for (const Arrays& one : loop) parts.push_back(one[i]);
    const array wanted = stack(parts, out_axes[i]);
    ASSERT_EQ(got[i].shape(), wanted.shape());
    ASSERT_EQ(got[i].dtype(), wanted.dtype());
    // Products of many rows may add up in another order than those of one.
    const double tolerance = wanted.dtype() == float64 ? 1e-12 : wanted.dtype() == float32 ? 1e-5 : 0;
    EXPECT_TRUE(allclose(got[i], wanted, tolerance, tolerance, true).item<bool>())
        << op.name << " mapped " << mapped << " shift " << shift << "\n"
        << got[i] << "\n"
        << wanted;
  }
}

TEST_P(Rules, VmapIsALoop) {
  const OpCase& op = GetParam();
  for (unsigned mapped = 1; mapped < (1u << op.inputs.size()); ++mapped) {
    for (int shift = 0; shift < 3; ++shift) expect_vmap_is_loop(op, mapped, shift);
  }
}

TEST_P(Rules, VmapNests) {
  const OpCase& op = GetParam();
  OpCase batched = op;
  std::vector<int> axes;
  for (array& input : batched.inputs) {
    axes.push_back(static_cast<int>(input.ndim()));
    input = stack({variant(input, 0), variant(input, 2)}, axes.back());
  }
  batched.fun = vmap(op.fun, axes);
  expect_vmap_is_loop(batched, (1u << op.inputs.size()) - 1, 1);
}

TEST_P(Rules, VmapOfAGradientIsALoop) {
  const OpCase& op = GetParam();
  const Function f = of_varied(op);
  OpCase slope;
  slope.name = op.name + " gradient";
  slope.inputs = varied_inputs(op);
  const Arrays cotangents = directions(f(slope.inputs));
  slope.fun = [f, cotangents](const Arrays& x) { return vjp(f, x, cotangents).second; };
  expect_vmap_is_loop(slope, (1u << slope.inputs.size()) - 1, 0);
}

std::string case_name(const ::testing::TestParamInfo<OpCase>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, Rules, ::testing::ValuesIn(differentiable_ops()), case_name);

class Batching : public ::testing::TestWithParam<OpCase> {};

TEST_P(Batching, VmapIsALoop) {
  for (unsigned mapped = 1; mapped < 4; ++mapped) {
    for (int shift = 0; shift < 3; ++shift) expect_vmap_is_loop(GetParam(), mapped, shift);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Batching, ::testing::ValuesIn(other_ops()), case_name);

}  // namespace
}  // namespace mica::testing
