// Programs over strips against the loops of the single operations, to the bit, for every instruction set; and compiled
// chains against the same operations one by one.
#include "mica/cpu/kernels/strips.h"

#include <bit>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "mica/base/aligned_vector.h"
#include "mica/base/cpu_info.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/mica.h"
#include "mica/transforms/compile.h"

namespace mica::cpu {
namespace {

using Floats = AlignedVector<float>;

struct Level {
  Isa isa;
  const ElementwiseKernels* loops;
  const StripKernels& (*strips)();
};

std::vector<Level> levels() {
  std::vector<Level> out;
  for (const Level& level : {Level{Isa::reference, &reference::elementwise, reference::strips},
                             {Isa::avx2, &avx2::elementwise, avx2::strips},
                             {Isa::avx512, &avx512::elementwise, avx512::strips}}) {
    if (level.isa <= detected_isa()) out.push_back(level);
  }
  return out;
}

Floats numbers(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 3.0f);
  Floats out(count);
  for (float& value : out) value = normal(random);
  const float edges[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-40f, 1e30f, -1e9f};
  for (size_t i = 0; i < count / 9; ++i) out[i * 9] = edges[i % 8];
  return out;
}

/// Runs a program on x and y; a third value is a kept result.
Floats run(const StripKernels& kernels, std::vector<StripStep> steps, Floats x, Floats y) {
  const size_t count = x.size();
  Floats kept(kLongestStrip);
  Floats padded(3 * kLongestStrip);
  Floats out(count + 1, -77.0f);
  std::vector<float*> values = {x.data(), y.data(), kept.data()};
  const std::vector<uint8_t> moves = {1, 1};
  kernels.run(steps.data(), {values.data(), 2, moves.data(), out.data(), padded.data()}, static_cast<int64_t>(count));
  EXPECT_EQ(out.back(), -77.0f) << "written behind the end";
  out.pop_back();
  return out;
}

void expect_same_bits(const Floats& got, const Floats& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(wanted[i]))
        << "element " << i << ": " << got[i] << " for " << wanted[i];
  }
}

constexpr size_t kCounts[] = {1, 15, 128, 131, 1003};

TEST(Strips, UnaryOperationsAreThoseOfTheLoops) {
  for (const Level& level : levels()) {
    const StripKernels& kernels = level.strips();
    for (int op = 0; op < kUnaryOps; ++op) {
      ASSERT_EQ(kernels.unary[op] != nullptr, level.loops->unary[op] != nullptr) << op;
      if (!kernels.unary[op]) continue;
      for (const size_t count : kCounts) {
        SCOPED_TRACE(testing::Message() << isa_name(level.isa) << " op " << op << " of " << count);
        const Floats x = numbers(count, 1);
        Floats wanted(count);
        level.loops->unary[op](x.data(), wanted.data(), static_cast<int64_t>(count));
        Floats streamed(count);
        level.loops->streamed_unary[op](x.data(), streamed.data(), static_cast<int64_t>(count));
        level.loops->end_stream();
        expect_same_bits(streamed, wanted);
        for (const auto finish : {kernels.finish, kernels.finish_streamed}) {
          expect_same_bits(run(kernels, {{kernels.load, {0, 0}}, {kernels.unary[op], {0, 0}}, {finish, {0, 0}}}, x, x),
                           wanted);
        }
      }
    }
  }
}

TEST(Strips, BinaryOperationsAreThoseOfTheLoops) {
  for (const Level& level : levels()) {
    const StripKernels& kernels = level.strips();
    for (int op = 0; op < kBinaryOps; ++op) {
      if (!level.loops->binary[op]) continue;
      ASSERT_NE(kernels.binary[op], nullptr) << op;
      for (const size_t count : kCounts) {
        SCOPED_TRACE(testing::Message() << isa_name(level.isa) << " op " << op << " of " << count);
        const Floats x = numbers(count, 1);
        const Floats y = numbers(count, 2);
        Floats wanted(count);
        level.loops->binary[op](x.data(), y.data(), wanted.data(), static_cast<int64_t>(count));
        Floats streamed(count);
        level.loops->streamed_binary[op](x.data(), y.data(), streamed.data(), static_cast<int64_t>(count));
        level.loops->end_stream();
        expect_same_bits(streamed, wanted);
        const StripStep end{kernels.finish, {0, 0}};
        expect_same_bits(run(kernels, {{kernels.load, {0, 0}}, {kernels.binary[op], {1, 0}}, end}, x, y), wanted);
        expect_same_bits(run(kernels, {{kernels.load, {1, 0}}, {kernels.reversed[op], {0, 0}}, end}, x, y), wanted);
        // The second operand as a result that was kept.
        expect_same_bits(run(kernels,
                             {{kernels.load, {1, 0}},
                              {kernels.keep, {2, 0}},
                              {kernels.load, {0, 0}},
                              {kernels.binary[op], {2, 0}},
                              end},
                             x, y),
                         wanted);
      }
    }
  }
}

/// What compiled and single operations give, to the bit.
void expect_compiled_equals(const std::function<array(const std::vector<array>&)>& function,
                            const std::vector<array>& inputs) {
  const array wanted = function(inputs);
  const auto compiled = compile([&](const std::vector<array>& in) { return std::vector<array>{function(in)}; });
  const array got = compiled(inputs)[0];
  ASSERT_EQ(got.shape(), wanted.shape());
  ASSERT_EQ(got.dtype(), wanted.dtype());
  const Dtype bits = wanted.itemsize() == 4 ? uint32 : wanted.itemsize() == 2 ? uint16 : uint8;
  EXPECT_TRUE(array_equal(view(got, bits), view(wanted, bits)).item<bool>());
}

array normal(const Shape& shape, Dtype dtype, uint64_t seed) {
  return astype(random::normal(shape, float32, 0.0f, 2.0f, random::key(seed)), dtype);
}

TEST(Strips, ChainsOfEveryFloatingType) {
  for (const Dtype dtype : {float32, float16, bfloat16}) {
    for (const Shape& shape : {Shape{1}, {7}, {3, 5}, {128}, {40, 129}, {3, 2, 700}}) {
      SCOPED_TRACE(testing::Message() << dtype_name(dtype) << " of " << shape.size() << " axes");
      const std::vector<array> in = {normal(shape, dtype, 1), normal(shape, dtype, 2)};
      const auto number = [&](float value) { return array(value, dtype); };
      const auto gelu = [&](const std::vector<array>& v) {
        return v[0] * number(0.5f) * (number(1.0f) + erf(v[0] * number(0.70710678f)));
      };
      expect_compiled_equals(gelu, in);
      // Results that are used again, and both operands the same.
      const auto reused = [&](const std::vector<array>& v) {
        const array sum = v[0] + v[1];
        const array product = sum * sum;
        return (v[1] - product) / (sum + number(3.0f)) + power(abs(product), number(1.7f)) * sum;
      };
      expect_compiled_equals(reused, in);
      const auto chosen = [&](const std::vector<array>& v) {
        const array positive = v[0] > v[1];
        return where(positive, v[0] * v[1], where(v[0] <= number(-1.0f), number(2.0f) - v[1], v[0])) +
               astype(not_equal(v[0], v[1]), dtype);
      };
      expect_compiled_equals(chosen, in);
      expect_compiled_equals([&](const std::vector<array>& v) { return greater_equal(v[0] + v[1], v[0] * v[1]); }, in);
      const auto other = dtype == float32 ? bfloat16 : float32;
      expect_compiled_equals(
          [&](const std::vector<array>& v) {
            return astype(exp(astype(v[0] * v[1], other) - array(1.0f, other)), dtype);
          },
          in);
    }
  }
}

TEST(Strips, InputsThatAreBroadcastOrStrided) {
  const array x = normal({33, 700}, float32, 1);
  const array row = normal({700}, float32, 2);
  const array column = normal({33, 1}, float32, 3);
  const array turned = transpose(normal({700, 33}, float32, 4));
  const array mask = normal({33, 700}, float32, 5) > array(0.0f);
  const auto chain = [](const std::vector<array>& v) {
    return where(v[4], (v[0] - v[1]) * v[2], v[0] + v[3] * v[1]) / array(3.0f);
  };
  expect_compiled_equals(chain, {x, row, column, turned, mask});
  const Shape from = {0, 0};
  const Shape to = {33, 90};
  const array short_row = slice(row, {0}, {90});
  expect_compiled_equals(chain,
                         {slice(x, from, to), short_row, column, slice(turned, from, to), slice(mask, from, to)});
}

TEST(Strips, LargeResultsThatPassTheCaches) {
  const std::vector<array> in = {normal({(4 << 20) + 37}, float32, 1), normal({(4 << 20) + 37}, float32, 2)};
  expect_compiled_equals([](const std::vector<array>& v) { return v[0] * v[1] - maximum(v[0], array(0.5f)); }, in);
  const array rows = normal({2051, 2049}, float32, 3);
  const array row = normal({2049}, float32, 4);
  expect_compiled_equals([](const std::vector<array>& v) { return (v[0] + v[1]) * v[1]; }, {rows, row});
}

}  // namespace
}  // namespace mica::cpu
