// The float32 loops of every instruction set against the C library in double precision.
#include "mica/cpu/kernels/elementwise.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "mica/base/cpu_info.h"

namespace mica::cpu {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Level {
  Isa isa;
  const ElementwiseKernels* kernels;
};

std::vector<Level> levels() {
  std::vector<Level> out;
  for (const Level& level : {Level{Isa::reference, &reference::elementwise},
                             {Isa::avx2, &avx2::elementwise},
                             {Isa::avx512, &avx512::elementwise}}) {
    if (level.isa <= detected_isa()) out.push_back(level);
  }
  return out;
}

struct Case {
  UnaryOp op;
  double (*exact)(double);
  double low, high;  ///< where random arguments come from
  double ulps;       ///< allowed distance in units of the last place of the result
  double absolute;   ///< … plus this much, where sums in the formula cancel
};

double normal_share(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

/// Newton steps from below, which never pass the root: erf is concave there.
double inverse_erf(double x) {
  const double a = std::fabs(x);
  if (!(a < 1)) return a == 1 ? x * kInfinity : NAN;
  double y = 0;
  for (int i = 0; i < 100; ++i) {
    const double missing = a < 0.5 ? a - std::erf(y) : std::erfc(y) - (1 - a);
    y += missing * std::exp(y * y) * std::sqrt(std::numbers::pi) / 2;
  }
  return std::copysign(y, x);
}

// What the formulas and their rounding steps add up to; without fused products (reference) somewhat more.
const Case kCases[] = {
    {UnaryOp::erf, [](double x) { return std::erf(x); }, -5, 5, 3, 0},
    {UnaryOp::erf, [](double x) { return std::erf(x); }, -1e-3, 1e-3, 3, 0},
    {UnaryOp::erfinv, inverse_erf, -1, 1, 3, 0},
    {UnaryOp::erfinv, inverse_erf, 0.99, 1, 3, 0},
    {UnaryOp::erfinv, inverse_erf, -1, -0.99999, 3, 0},
    {UnaryOp::erfinv, inverse_erf, -1e-3, 1e-3, 3, 0},
    {UnaryOp::gelu, [](double x) { return x * normal_share(x); }, -6, 6, 4, 5e-7},
    {UnaryOp::exp, [](double x) { return std::exp(x); }, -87, 88, 3, 0},
    {UnaryOp::expm1, [](double x) { return std::expm1(x); }, -40, 88, 3, 0},
    {UnaryOp::expm1, [](double x) { return std::expm1(x); }, -0.5, 0.5, 3, 0},
    {UnaryOp::log, [](double x) { return std::log(x); }, 0, 4, 3, 0},
    {UnaryOp::log, [](double x) { return std::log(x); }, 0, 3e38, 3, 0},
    {UnaryOp::log2, [](double x) { return std::log2(x); }, 0, 4, 3, 6e-8},
    {UnaryOp::log10, [](double x) { return std::log10(x); }, 0, 4, 3, 6e-8},
    {UnaryOp::log1p, [](double x) { return std::log1p(x); }, -1, 3, 3, 0},
    {UnaryOp::log1p, [](double x) { return std::log1p(x); }, -1e-3, 1e-3, 3, 0},
    {UnaryOp::sin, [](double x) { return std::sin(x); }, -10, 10, 3, 1e-9},
    {UnaryOp::sin, [](double x) { return std::sin(x); }, -8192, 8192, 3, 3e-8},
    {UnaryOp::sin, [](double x) { return std::sin(x); }, -1e9, 1e9, 3, 0},
    {UnaryOp::cos, [](double x) { return std::cos(x); }, -10, 10, 3, 1e-9},
    {UnaryOp::cos, [](double x) { return std::cos(x); }, -9000, 9000, 3, 3e-8},
    {UnaryOp::tan, [](double x) { return std::tan(x); }, -1.5, 1.5, 5, 0},
    {UnaryOp::arcsin, [](double x) { return std::asin(x); }, -1, 1, 4, 0},
    {UnaryOp::arccos, [](double x) { return std::acos(x); }, -1, 1, 4, 0},
    {UnaryOp::arctan, [](double x) { return std::atan(x); }, -10, 10, 4, 0},
    {UnaryOp::sinh, [](double x) { return std::sinh(x); }, -89, 89, 8, 0},
    {UnaryOp::sinh, [](double x) { return std::sinh(x); }, -2, 2, 5, 0},
    {UnaryOp::cosh, [](double x) { return std::cosh(x); }, -89, 89, 8, 0},
    {UnaryOp::tanh, [](double x) { return std::tanh(x); }, -10, 10, 4, 0},
    {UnaryOp::arcsinh, [](double x) { return std::asinh(x); }, -100, 100, 5, 0},
    {UnaryOp::arccosh, [](double x) { return std::acosh(x); }, 1, 100, 5, 0},
    {UnaryOp::arctanh, [](double x) { return std::atanh(x); }, -1, 1, 5, 0},
    {UnaryOp::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80, 4,
     0x1p-126},  // 0 where the result would be subnormal
    {UnaryOp::floor, [](double x) { return std::floor(x); }, -9, 9, 0, 0},
    {UnaryOp::ceil, [](double x) { return std::ceil(x); }, -9, 9, 0, 0},
    {UnaryOp::trunc, [](double x) { return std::trunc(x); }, -9, 9, 0, 0},
    {UnaryOp::sign, [](double x) { return static_cast<double>((x > 0) - (x < 0)); }, -1, 1, 0, 0},
};

void expect_close(const Case& one, float x, float got, double wanted) {
  const auto rounded = static_cast<float>(wanted);
  if (std::isnan(wanted)) {
    EXPECT_TRUE(std::isnan(got)) << "of " << x << ": " << got;
    return;
  }
  if (std::isinf(rounded)) {
    EXPECT_EQ(got, rounded) << "of " << x;
    return;
  }
  const float size = std::fabs(rounded);
  const auto ulp = std::max(static_cast<double>(std::nextafterf(size, INFINITY)) - static_cast<double>(size), 0x1p-149);
  EXPECT_LE(std::fabs(static_cast<double>(got) - wanted), (one.ulps + 0.5) * ulp + one.absolute)
      << "of " << x << ": " << got << " for " << wanted;
  if (rounded == 0 && one.op != UnaryOp::sign && one.op != UnaryOp::gelu) {
    EXPECT_EQ(std::signbit(got), std::signbit(rounded)) << "of " << x;
  }
}

void check(const Case& one, const std::vector<float>& x) {
  for (const Level& level : levels()) {
    SCOPED_TRACE(testing::Message() << isa_name(level.isa) << " op " << static_cast<int>(one.op));
    std::vector<float> out(x.size() + 1, -77.0f);
    level.kernels->unary[static_cast<int>(one.op)](x.data(), out.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size() && !testing::Test::HasFailure(); ++i) {
      expect_close(one, x[i], out[i], std::isnan(x[i]) ? NAN : one.exact(static_cast<double>(x[i])));
    }
    EXPECT_EQ(out.back(), -77.0f) << "written behind the end";
  }
}

TEST(ElementwiseKernels, RandomArgumentsOfOddCounts) {
  std::mt19937 random(1);
  for (const Case& one : kCases) {
    std::uniform_real_distribution<double> inside(one.low, one.high);
    for (const size_t count : {1u, 7u, 16u, 37u, 20001u}) {
      std::vector<float> x(count);
      for (float& value : x) value = static_cast<float>(inside(random));
      check(one, x);
    }
  }
}

TEST(ElementwiseKernels, EdgesOfTheFormat) {
  const auto infinity = static_cast<float>(kInfinity);
  const std::vector<float> edges = {0.0f,    -0.0f,     infinity, -infinity, NAN,       -NAN,          1e-40f,
                                    -1e-40f, 0x1p-149f, 1.0f,     -1.0f,     0x1p-126f, -0x1p-126f,    3e38f,
                                    -3e38f,  0.5f,      -0.5f,    1e-20f,    -1e-20f,   88.8f,         -104.5f,
                                    2.0f,    -2.0f,     1e9f,     -1e9f,     -88.8f,    0x1.fffffep-1f};
  for (const Case& one : kCases) {
    // Their formulas are checked where they are meant to hold; x · Φ(x) is 0 · ∞ at −∞ as MLX's formula has it.
    if (one.op == UnaryOp::gelu) continue;
    check(one, edges);
  }
}

TEST(ElementwiseKernels, ErfEndsAtOne) {
  for (const Level& level : levels()) {
    const std::vector<float> x = {3.99f, 4.0f, 4.5f, 5.0f, 1e30f, INFINITY};
    for (const float sign : {1.0f, -1.0f}) {
      std::vector<float> out = x;
      for (float& value : out) value *= sign;
      level.kernels->unary[static_cast<int>(UnaryOp::erf)](out.data(), out.data(), static_cast<int64_t>(x.size()));
      EXPECT_EQ(out, std::vector<float>(x.size(), sign)) << isa_name(level.isa);
    }
  }
}

void check_power(const std::vector<float>& x, const std::vector<float>& y) {
  for (const Level& level : levels()) {
    SCOPED_TRACE(testing::Message() << isa_name(level.isa));
    std::vector<float> out(x.size() + 1, -77.0f);
    level.kernels->binary[static_cast<int>(BinaryOp::power)](x.data(), y.data(), out.data(),
                                                             static_cast<int64_t>(x.size()));
    EXPECT_EQ(out.back(), -77.0f) << "written behind the end";
    for (size_t i = 0; i < x.size() && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE(testing::Message() << "to the power of " << y[i]);
      // A rounding of the exponent's fraction, of the polynomial and of its last product (of x · x · x).
      expect_close({UnaryOp::exp, nullptr, 0, 0, 1, 0}, x[i], out[i],
                   std::pow(static_cast<double>(x[i]), static_cast<double>(y[i])));
    }
  }
}

TEST(ElementwiseKernels, PowersOfRandomNumbers) {
  struct Range {
    double low, high, low_exponent, high_exponent;
  };
  std::mt19937 random(2);
  for (const Range& range : {Range{0, 4, -4, 4},
                             {0.9, 1.1, -900, 900},
                             {0.9999, 1.0001, -800000, 800000},
                             {0, 1e-38, -1, 3.5},
                             {0, 3e38, -1.1, 1.1},
                             {1e-3, 1e3, -15, 15}}) {
    std::uniform_real_distribution<double> base(range.low, range.high);
    std::uniform_real_distribution<double> exponent(range.low_exponent, range.high_exponent);
    for (const size_t count : {1u, 7u, 16u, 37u, 20001u}) {
      std::vector<float> x(count);
      std::vector<float> y(count);
      for (size_t i = 0; i < count; ++i) {
        x[i] = static_cast<float>(base(random));
        y[i] = static_cast<float>(exponent(random));
        // Among them whole exponents of both signs of base, and those with formulas of their own.
        if (i % 4 == 1) y[i] = std::round(y[i]);
        if (i % 8 == 1) x[i] = -x[i];
        if (i % 16 == 3) y[i] = std::array{2.0f, 3.0f, 0.5f, -1.0f}[i / 16 % 4];
      }
      check_power(x, y);
    }
  }
}

TEST(ElementwiseKernels, PowersWithOneExponent) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> base(-10, 10);
  for (const float exponent : {-3.0f, -2.0f, -1.0f, -0.5f, 0.0f, 0.5f, 1.0f, 2.0f, 3.0f, 4.0f, 1.7f}) {
    std::vector<float> x(1003);
    for (float& value : x) value = static_cast<float>(base(random));
    check_power(x, std::vector<float>(x.size(), exponent));
  }
}

TEST(ElementwiseKernels, PowersAtTheEdges) {
  const auto infinity = static_cast<float>(kInfinity);
  const std::vector<float> edges = {
      0.0f,    -0.0f,      infinity,        -infinity,        NAN,   1.0f,  -1.0f,   0x1p-149f, -0x1p-149f, 0x1p-126f,
      -1e-40f, -0x1p-126f, 0x1.fffffep127f, -0x1.fffffep127f, 0.5f,  -0.5f, 2.0f,    -2.0f,     3.0f,       -3.0f,
      1.5f,    -1.5f,      0x1.fffffep-1f,  0x1.000002p0f,    1e9f,  -1e9f, 1e-20f,  -1e-20f,   16777215.f, -16777215.f,
      1e30f,   -7.0f,      8388607.5f,      -8388607.5f,      0.25f, 4.0f,  1e-45f,  127.0f,    128.0f,     -149.0f,
      -150.0f, -126.0f,    33554432.0f,     -0x1.fffffep-1f,  88.7f, 1e38f, -104.0f, 10.0f,     -0.25f};
  std::vector<float> x;
  std::vector<float> y;
  for (const float base : edges) {
    for (const float exponent : edges) {
      x.push_back(base);
      y.push_back(exponent);
    }
  }
  check_power(x, y);
}

}  // namespace
}  // namespace mica::cpu
