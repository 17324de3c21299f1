#include "mica/ops/kv_format.h"

#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

array normal(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> values;
  size_t count = 1;
  for (const ShapeElem length : shape) count *= static_cast<size_t>(length);
  std::vector<float> out(count);
  for (float& value : out) value = values(random);
  return array(out.begin(), shape, float32);
}

std::vector<float> floats(const array& a) {
  array flat = contiguous(astype(flatten(a), float32));
  flat.eval();
  return {flat.data<float>(), flat.data<float>() + flat.size()};
}

// The definition, element by element: the nearest of 2^bits numbers between the group's smallest and largest one.
TEST(KvFormat, CodesAreTheNearestSteps) {
  for (const int bits : {4, 8}) {
    for (const int group : {32, 64, 128}) {
      for (const int64_t dim : {1, 17, 32, 64, 80, 200}) {
        const KvFormat format{bits, group};
        const array rows = normal({3, dim}, 1);
        const array codes = quantize_kv(rows, format);
        ASSERT_EQ(codes.shape(), (Shape{3, kv_row_bytes(format, dim)}));
        const std::vector<float> x = floats(rows);
        const std::vector<float> y = floats(dequantize_kv(codes, dim, format));
        for (size_t row = 0; row < 3; ++row) {
          for (int64_t first = 0; first < dim; first += group) {
            const size_t begin = row * static_cast<size_t>(dim) + static_cast<size_t>(first);
            const size_t end = begin + static_cast<size_t>(std::min<int64_t>(group, dim - first));
            const auto [least, most] =
                std::minmax_element(x.begin() + static_cast<ptrdiff_t>(begin), x.begin() + static_cast<ptrdiff_t>(end));
            const double step = (static_cast<double>(*most) - static_cast<double>(*least)) / ((1 << bits) - 1);
            for (size_t i = begin; i < end; ++i) {
              // Half a step, and float32's rounding of sums of size 4.
              EXPECT_LE(std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])), 0.5 * step + 2e-6);
              const double places = (static_cast<double>(y[i]) - static_cast<double>(*least)) / (step + 1e-30);
              EXPECT_NEAR(places, std::round(places), 1e-3);
            }
          }
        }
      }
    }
  }
}

TEST(KvFormat, EqualElementsStay) {
  const array rows = full({2, 64}, -3.25f, float32);
  for (const float value : floats(dequantize_kv(quantize_kv(rows, {4, 32}), 64, {4, 32}))) EXPECT_EQ(value, -3.25f);
}

TEST(KvFormat, WrongFormatsAreRefused) {
  const array rows = zeros({2, 64}, float32);
  EXPECT_THROW(quantize_kv(rows, {5, 64}), std::invalid_argument);
  EXPECT_THROW(quantize_kv(rows, {4, 48}), std::invalid_argument);
  EXPECT_THROW(quantize_kv(zeros({2, 64}, int32), {4, 64}), std::invalid_argument);
  EXPECT_THROW(dequantize_kv(zeros({2, 64}, uint8), 64, {8, 64}), std::invalid_argument);
  EXPECT_THROW(dequantize_kv(zeros({2, 72}, float32), 64, {8, 64}), std::invalid_argument);
}

/// A step of attention over a cache of codes that holds `before` tokens already.
struct Step {
  KvFormat format;
  int64_t dim = 64;
  int64_t before = 0;
  int64_t count = 1;
};

void check(const Step& step) {
  const int64_t capacity = step.before + step.count + 3;
  CachedAttentionOptions options;
  options.attention.scale = 0.125f;
  options.attention.causal = true;
  options.num_heads = 6;
  options.num_kv_heads = 2;
  options.kv = step.format;
  const array q = normal({1, step.count, 6 * step.dim}, 2);
  const array k = normal({1, step.count, 2 * step.dim}, 3);
  const array v = normal({1, step.count, 2 * step.dim}, 4);
  const array old_keys = quantize_kv(normal({1, 2, capacity, step.dim}, 5), step.format);
  const array old_values = quantize_kv(normal({1, 2, capacity, step.dim}, 6), step.format);
  const array places(static_cast<int32_t>(step.before));
  const auto got = attend_cached(q, k, v, old_keys, old_values, reshape(places, {1}), {}, {}, options);

  const auto heads = [&](const array& x, int number) {
    return transpose(reshape(x, {1, static_cast<ShapeElem>(step.count), number, static_cast<ShapeElem>(step.dim)}),
                     {0, 2, 1, 3});
  };
  const array keys = put_rows(old_keys, quantize_kv(heads(k, 2), step.format), reshape(places, {1}));
  const array values = put_rows(old_values, quantize_kv(heads(v, 2), step.format), reshape(places, {1}));
  // The kernel that writes codes does the same float32 operations in the same order.
  EXPECT_EQ(floats(got.keys), floats(keys));
  EXPECT_EQ(floats(got.values), floats(values));
  const array mixed =
      attend(heads(q, 6), dequantize_kv(keys, step.dim, step.format), dequantize_kv(values, step.dim, step.format),
             options.attention, {}, {}, reshape(places, {1}));
  const std::vector<float> expected = floats(transpose(mixed, {0, 2, 1, 3}));
  const std::vector<float> out = floats(got.mixed);
  ASSERT_EQ(out.size(), expected.size());
  // Of many queries the kernel computes in 16-bit fixed point: scores are off by 0.125 · D · 1.3e-5 at random.
  const float tolerance = step.count > 1 ? 2e-5f * static_cast<float>(step.dim) : 1e-5f;
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], tolerance) << i;
}

TEST(KvFormat, CachedAttentionReadsAndWritesCodes) {
  for (const int bits : {4, 8}) {
    check({.format = {bits, 64}, .before = 100});
    check({.format = {bits, 32}, .dim = 80, .before = 7});
    check({.format = {bits, 128}, .dim = 50, .before = 0, .count = 70});
    check({.format = {bits, 64}, .dim = 128, .before = 65, .count = 20});
  }
}

}  // namespace
}  // namespace mica
