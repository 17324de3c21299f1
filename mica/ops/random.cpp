#include "mica/ops/random.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/linalg.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/search.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica {

std::vector<OutputSpec> RandomBits::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  if (width != 1 && width != 2 && width != 4) {
    fail_as<std::invalid_argument>("[bits] {} bytes are no width: 1, 2 or 4", width);
  }
  const array& keys = inputs[0];
  if (keys.dtype() != uint32 || keys.ndim() == 0 || keys.shape(-1) != 2) {
    fail_as<std::invalid_argument>("[bits] a key is uint32 of shape (2), not {} of shape {}", dtype_name(keys.dtype()),
                                   to_string(keys.shape()));
  }
  Shape out(keys.shape().begin(), keys.shape().end() - 1);
  out.insert(out.end(), shape.begin(), shape.end());
  return {{std::move(out), width == 1 ? uint8 : width == 2 ? uint16 : uint32}};
}

std::pair<std::vector<array>, std::vector<int>> RandomBits::vmap(const std::vector<array>& inputs,
                                                                 const std::vector<int>& axes) const {
  const array keys = moveaxis(inputs[0], axes[0], 0, stream());
  return {{apply<RandomBits>({keys}, stream(), shape, width)}, {0}};
}

namespace random {
namespace {

/// The largest number below 1 in the type.
float below_one(Dtype dtype) {
  return 1.0f - (dtype == float16 ? 0x1p-11f : dtype == bfloat16 ? 0x1p-8f : 0x1p-24f);
}

array key_or_next(const std::optional<array>& key) {
  return key ? *key : KeySequence::default_().next();
}

void check_broadcast(const Shape& wanted, const Shape& given, std::string_view op) {
  if (broadcast_shapes(wanted, given) != wanted) {
    fail_as<std::invalid_argument>("[{}] parameters of shape {} cannot be broadcast to {}", op, to_string(given),
                                   to_string(wanted));
  }
}

void check_floating(Dtype dtype, std::string_view op) {
  if (!issubdtype(dtype, floating)) {
    fail_as<std::invalid_argument>("[{}] needs a real floating point type, not {}", op, dtype_name(dtype));
  }
}

/// Uniform in (−1, 1), float32.
array symmetric_uniform(const Shape& shape, const std::optional<array>& key, StreamOrDevice s) {
  return uniform(array(std::nextafter(-1.0f, 0.0f)), array(1.0f), shape, float32, key, s);
}

/// The largest of the logits with Gumbel noise is distributed as softmax(logits).
array categorical_by_noise(const array& logits, int axis, const Shape& shape, const std::optional<array>& key,
                           StreamOrDevice s) {
  const auto place = static_cast<int64_t>(shape.size()) - (static_cast<int64_t>(logits.ndim()) - 1) + axis;
  Shape noise = shape;
  noise.insert(noise.begin() + place, logits.shape(axis));
  return argmax(add(gumbel(noise, float32, key, s), logits, s), static_cast<int>(place), false, s);
}

/// One row of logits for all samples: the place where the running total of probabilities passes a uniform number.
array categorical_by_inversion(const array& logits, const Shape& shape, const std::optional<array>& key,
                               StreamOrDevice s) {
  const array row = astype(flatten(logits, s), float32, s);
  const array weights = exp(subtract(row, max(row, true, s), s), s);
  const array below = cumsum(weights, 0, false, false, s);
  const array total = sum(weights, false, s);
  const array targets = multiply(uniform(shape, float32, key, s), total, s);
  return subtract(searchsorted(below, targets, "right", s), array(1, uint32), s);
}

array sample_categorical(const array& logits, int axis, const Shape& shape, const std::optional<array>& key,
                         StreamOrDevice s) {
  const auto length = static_cast<size_t>(logits.shape(axis));
  if (length == logits.size() && length > 0 && !shape.empty()) return categorical_by_inversion(logits, shape, key, s);
  return categorical_by_noise(logits, axis, shape, key, s);
}

int categorical_axis(const array& logits, int axis) {
  const int ndim = static_cast<int>(logits.ndim());
  if (axis < -ndim || axis >= ndim) {
    fail_as<std::out_of_range>("[categorical] axis {} is out of range for logits of {} axes", axis, ndim);
  }
  return axis < 0 ? axis + ndim : axis;
}

Shape without_axis(const array& a, int axis) {
  Shape shape = a.shape();
  shape.erase(shape.begin() + axis);
  return shape;
}

}  // namespace

KeySequence::KeySequence(uint64_t seed) : key_(random::key(seed)) {}

void KeySequence::seed(uint64_t seed) {
  key_ = random::key(seed);
}

array KeySequence::next() {
  auto [state, result] = random::split(key_);
  key_ = state;
  return result;
}

KeySequence& KeySequence::default_() {
  static thread_local KeySequence sequence(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count()));
  return sequence;
}

array key(uint64_t seed) {
  return array({static_cast<uint32_t>(seed >> 32), static_cast<uint32_t>(seed)});
}

void seed(uint64_t seed) {
  KeySequence::default_().seed(seed);
}

array bits(const Shape& shape, int width, const std::optional<array>& key, StreamOrDevice s) {
  if (width != 1 && width != 2 && width != 4) {
    fail_as<std::invalid_argument>("[bits] a width of {} bytes is not 1, 2 or 4", width);
  }
  const array one = key_or_next(key);
  if (one.ndim() != 1) {
    fail_as<std::invalid_argument>("[bits] a key has the shape (2), not {}", to_string(one.shape()));
  }
  return apply<RandomBits>({one}, to_stream(s), shape, width);
}

std::pair<array, array> split(const array& key, StreamOrDevice s) {
  const array keys = random::split(key, 2, s);
  return {take(keys, 0, 0, s), take(keys, 1, 0, s)};
}
array split(const array& key, int num, StreamOrDevice s) {
  if (num < 0) fail_as<std::invalid_argument>("[split] a key cannot become {} keys", num);
  return bits({num, 2}, 4, key, s);
}

array uniform(const array& low, const array& high, const Shape& shape, Dtype dtype, const std::optional<array>& key,
              StreamOrDevice s) {
  if (dtype != float16 && dtype != bfloat16 && dtype != float32) {
    fail_as<std::invalid_argument>("[uniform] makes float16, bfloat16 and float32, not {}", dtype_name(dtype));
  }
  const array from = astype(low, dtype, s);
  const array range = subtract(astype(high, dtype, s), from, s);
  check_broadcast(shape, range.shape(), "uniform");
  const array all_ones(static_cast<float>(std::numeric_limits<uint32_t>::max()));
  const array unit = minimum(divide(bits(shape, 4, key, s), all_ones, s), array(below_one(dtype)), s);
  return add(multiply(range, astype(unit, dtype, s), s), from, s);
}
array uniform(const Shape& shape, Dtype dtype, const std::optional<array>& key, StreamOrDevice s) {
  return uniform(array(0.0f), array(1.0f), shape, dtype, key, s);
}

array normal(const Shape& shape, Dtype dtype, const std::optional<array>& loc, const std::optional<array>& scale,
             const std::optional<array>& key, StreamOrDevice s) {
  array samples = array(0.0f);
  std::optional<array> factor = scale;
  if (dtype == complex64) {
    Shape parts = shape;
    parts.push_back(2);
    samples = squeeze(view(erfinv(symmetric_uniform(parts, key, s), s), complex64, s), -1, s);
  } else {
    check_floating(dtype, "normal");
    samples = astype(erfinv(symmetric_uniform(shape, key, s), s), dtype, s);
    const array sqrt2(std::numbers::sqrt2_v<float>, dtype);
    factor = scale ? multiply(sqrt2, *scale, s) : sqrt2;
  }
  if (factor) samples = multiply(*factor, samples, s);
  if (loc) samples = add(samples, *loc, s);
  check_broadcast(shape, samples.shape(), "normal");
  return samples;
}

array multivariate_normal(const array& mean, const array& cov, const Shape& shape, Dtype dtype,
                          const std::optional<array>& key, StreamOrDevice s) {
  if (dtype != float32) {
    fail_as<std::invalid_argument>("[multivariate_normal] makes float32, not {}", dtype_name(dtype));
  }
  const bool fits =
      mean.ndim() >= 1 && cov.ndim() >= 2 && cov.shape(-1) == cov.shape(-2) && cov.shape(-1) == mean.shape(-1);
  if (!fits) {
    fail_as<std::invalid_argument>("[multivariate_normal] a mean of shape {} and a covariance of shape {} do not match",
                                   to_string(mean.shape()), to_string(cov.shape()));
  }
  const Shape mean_batch(mean.shape().begin(), mean.shape().end() - 1);
  const Shape cov_batch(cov.shape().begin(), cov.shape().end() - 2);
  Shape out = broadcast_shapes(shape, broadcast_shapes(mean_batch, cov_batch));
  out.push_back(mean.shape(-1));
  // cov = U · S · Vᵀ, and its root U · √S · Vᵀ does not depend on the signs of the vectors.
  const auto parts = linalg::svd(astype(cov, float32, s), true, s);
  const array root = matmul(multiply(parts[0], expand_dims(sqrt(parts[1], s), -2, s), s), parts[2], s);
  const array samples = matmul(expand_dims(normal(out, float32, key, s), -2, s), root, s);
  return add(squeeze(samples, -2, s), astype(mean, float32, s), s);
}

array randint(const array& low, const array& high, const Shape& shape, Dtype dtype, const std::optional<array>& key,
              StreamOrDevice s) {
  if (!issubdtype(dtype, integer) && dtype != bool_) {
    fail_as<std::invalid_argument>("[randint] makes integers and bool, not {}", dtype_name(dtype));
  }
  const array numbers = floor(uniform(low, high, shape, float32, key, s), s);
  // float32 rounding could reach `high` itself.
  const array from = astype(low, dtype, s);
  const array to = subtract(astype(high, int64, s), array(1, int64), s);
  const array last = maximum(from, astype(to, dtype, s), s);
  return astype(clip(astype(numbers, dtype, s), from, last, s), dtype, s);
}

array bernoulli(const array& p, const Shape& shape, const std::optional<array>& key, StreamOrDevice s) {
  check_floating(p.dtype(), "bernoulli");
  check_broadcast(shape, p.shape(), "bernoulli");
  // Above the largest number of 32 bits, so that p = 1 is certain.
  const float range =
      std::nextafter(static_cast<float>(std::numeric_limits<uint32_t>::max()), std::numeric_limits<float>::infinity());
  return less(bits(shape, 4, key, s), multiply(p, array(range), s), s);
}
array bernoulli(const array& p, const std::optional<array>& key, StreamOrDevice s) {
  return bernoulli(p, p.shape(), key, s);
}
array bernoulli(const std::optional<array>& key, StreamOrDevice s) {
  return bernoulli(array(0.5f), key, s);
}

array truncated_normal(const array& lower, const array& upper, const Shape& shape, Dtype dtype,
                       const std::optional<array>& key, StreamOrDevice s) {
  check_floating(dtype, "truncated_normal");
  const array sqrt2(std::numbers::sqrt2_v<float>, dtype);
  const array from = astype(lower, dtype, s);
  const array to = astype(upper, dtype, s);
  const array below = erf(divide(from, sqrt2, s), s);
  const array above = erf(divide(to, sqrt2, s), s);
  const array samples = multiply(sqrt2, erfinv(uniform(below, above, shape, dtype, key, s), s), s);
  return maximum(minimum(samples, to, s), from, s);
}
array truncated_normal(const array& lower, const array& upper, Dtype dtype, const std::optional<array>& key,
                       StreamOrDevice s) {
  return truncated_normal(lower, upper, broadcast_shapes(lower.shape(), upper.shape()), dtype, key, s);
}

array gumbel(const Shape& shape, Dtype dtype, const std::optional<array>& key, StreamOrDevice s) {
  return negative(log(negative(log(uniform(shape, dtype, key, s), s), s), s), s);
}

array categorical(const array& logits, int axis, const Shape& shape, const std::optional<array>& key,
                  StreamOrDevice s) {
  const int along = categorical_axis(logits, axis);
  check_broadcast(shape, without_axis(logits, along), "categorical");
  return sample_categorical(logits, along, shape, key, s);
}
array categorical(const array& logits, int axis, int num_samples, const std::optional<array>& key, StreamOrDevice s) {
  const int along = categorical_axis(logits, axis);
  if (num_samples < 0) fail_as<std::invalid_argument>("[categorical] {} samples", num_samples);
  Shape shape = without_axis(logits, along);
  shape.push_back(num_samples);
  return sample_categorical(expand_dims(logits, -1, s), along, shape, key, s);
}
array categorical(const array& logits, int axis, const std::optional<array>& key, StreamOrDevice s) {
  const int along = categorical_axis(logits, axis);
  return sample_categorical(logits, along, without_axis(logits, along), key, s);
}

array laplace(const Shape& shape, Dtype dtype, float loc, float scale, const std::optional<array>& key,
              StreamOrDevice s) {
  check_floating(dtype, "laplace");
  const array u = symmetric_uniform(shape, key, s);
  array samples = astype(multiply(sign(u, s), log1p(negative(abs(u, s), s), s), s), dtype, s);
  if (scale != 1) samples = multiply(array(scale, dtype), samples, s);
  if (loc != 0) samples = add(array(loc, dtype), samples, s);
  return samples;
}

array permutation(const array& x, int axis, const std::optional<array>& key, StreamOrDevice s) {
  const int along = normalize_axis(axis, x.ndim(), "permutation");
  return take(x, argsort(bits({x.shape(along)}, 4, key, s), s), along, s);
}
array permutation(int x, const std::optional<array>& key, StreamOrDevice s) {
  if (x < 0) fail_as<std::invalid_argument>("[permutation] of {} numbers", x);
  return argsort(bits({x}, 4, key, s), s);
}

}  // namespace random
}  // namespace mica
