#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

/// Random numbers from the counter-based generator Threefry-2x32 (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", 2011): the same key gives the same numbers as MLX, bit for bit, on every machine. Functions without a key
/// take the next one of KeySequence::default_().
namespace mica::random {

/// An endless sequence of keys that follows from a seed.
class KeySequence {
 public:
  explicit KeySequence(uint64_t seed);

  /// Starts anew.
  void seed(uint64_t seed);
  /// The next key: uint32 [2].
  array next();

  /// The sequence of this thread; seeded with the time until seed() is called.
  static KeySequence& default_();

 private:
  array key_;
};

/// A key, uint32 [2], made of a seed.
array key(uint64_t seed);

/// Seeds this thread's default sequence.
void seed(uint64_t seed);

/// Uniformly distributed bits: uint8, uint16 or uint32 for a width of 1, 2 or 4 bytes. Throws std::invalid_argument for
/// another width, or a key that is not uint32 [2].
array bits(const Shape& shape, int width, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
inline array bits(const Shape& shape, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return bits(shape, 4, key, s);
}

/// Two independent keys made of one.
std::pair<array, array> split(const array& key, StreamOrDevice s = {});
/// `num` independent keys: uint32 [num, 2].
array split(const array& key, int num, StreamOrDevice s = {});

/// Uniform in [low, high), which are broadcast to the shape. dtype: float16, bfloat16 or float32; another throws
/// std::invalid_argument.
array uniform(const array& low, const array& high, const Shape& shape, Dtype dtype = float32,
              const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
template <typename T, typename U>
array uniform(T low, U high, const Shape& shape, Dtype dtype = float32, const std::optional<array>& key = std::nullopt,
              StreamOrDevice s = {}) {
  return uniform(array(low), array(high), shape, dtype, key, s);
}
/// In [0, 1).
array uniform(const Shape& shape, Dtype dtype, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
inline array uniform(const Shape& shape, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return uniform(shape, float32, key, s);
}

/// Normally distributed around `loc` (0) with standard deviation `scale` (1), which are broadcast to the shape. dtype:
/// any floating type, or complex64, whose parts have variance ½ each before scaling.
array normal(const Shape& shape, Dtype dtype, const std::optional<array>& loc, const std::optional<array>& scale,
             const std::optional<array>& key, StreamOrDevice s = {});
inline array normal(const Shape& shape, Dtype dtype, float loc, float scale,
                    const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  const auto unless = [dtype](float value, float usual) {
    return value == usual ? std::nullopt : std::make_optional(array(value, dtype));
  };
  return normal(shape, dtype, unless(loc, 0.0f), unless(scale, 1.0f), key, s);
}
inline array normal(const Shape& shape, float loc, float scale, const std::optional<array>& key = std::nullopt,
                    StreamOrDevice s = {}) {
  return normal(shape, float32, loc, scale, key, s);
}
inline array normal(const Shape& shape, const Dtype dtype, const std::optional<array>& key = std::nullopt,
                    StreamOrDevice s = {}) {
  return normal(shape, dtype, std::nullopt, std::nullopt, key, s);
}
inline array normal(const Shape& shape, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return normal(shape, float32, std::nullopt, std::nullopt, key, s);
}

/// Vectors [..., n] distributed around `mean` [..., n] with covariance `cov` [..., n, n], symmetric and positive
/// semidefinite. `shape` is what the leading axes of both are broadcast to. dtype: float32.
array multivariate_normal(const array& mean, const array& cov, const Shape& shape, Dtype dtype,
                          const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

/// Integers of `dtype` (bool too) in [low, high), which are broadcast to the shape; low where high ≤ low.
array randint(const array& low, const array& high, const Shape& shape, Dtype dtype = int32,
              const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
template <typename T, typename U>
array randint(T low, U high, const Shape& shape, Dtype dtype = int32, const std::optional<array>& key = std::nullopt,
              StreamOrDevice s = {}) {
  return randint(array(low), array(high), shape, dtype, key, s);
}

/// true with probability p (a floating type, broadcast to the shape).
array bernoulli(const array& p, const Shape& shape, const std::optional<array>& key = std::nullopt,
                StreamOrDevice s = {});
array bernoulli(const array& p, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
template <typename T>
array bernoulli(T p, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return bernoulli(array(p), key, s);
}
template <typename T>
array bernoulli(T p, const Shape& shape, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return bernoulli(array(p), shape, key, s);
}
/// One fair coin.
array bernoulli(const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

/// Normal numbers cut to [lower, upper], by inverting the distribution's function.
array truncated_normal(const array& lower, const array& upper, const Shape& shape, Dtype dtype = float32,
                       const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
array truncated_normal(const array& lower, const array& upper, Dtype dtype = float32,
                       const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

/// The standard Gumbel distribution: −log(−log u).
array gumbel(const Shape& shape, Dtype dtype = float32, const std::optional<array>& key = std::nullopt,
             StreamOrDevice s = {});

/// Places (uint32) on `axis`, drawn with probabilities softmax(logits) along it. `shape` must be what the logits' shape
/// without the axis broadcasts to; a wrong axis throws std::out_of_range.
array categorical(const array& logits, int axis, const Shape& shape, const std::optional<array>& key = std::nullopt,
                  StreamOrDevice s = {});
/// The same for each row, `num_samples` times: the last axis of the result.
array categorical(const array& logits, int axis, int num_samples, const std::optional<array>& key = std::nullopt,
                  StreamOrDevice s = {});
array categorical(const array& logits, int axis = -1, const std::optional<array>& key = std::nullopt,
                  StreamOrDevice s = {});

/// The Laplace distribution around `loc`.
array laplace(const Shape& shape, Dtype dtype, float loc, float scale, const std::optional<array>& key = std::nullopt,
              StreamOrDevice s = {});
inline array laplace(const Shape& shape, float loc, float scale, const std::optional<array>& key = std::nullopt,
                     StreamOrDevice s = {}) {
  return laplace(shape, float32, loc, scale, key, s);
}
inline array laplace(const Shape& shape, const Dtype dtype, const std::optional<array>& key = std::nullopt,
                     StreamOrDevice s = {}) {
  return laplace(shape, dtype, 0.0f, 1.0f, key, s);
}
inline array laplace(const Shape& shape, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {}) {
  return laplace(shape, float32, 0.0f, 1.0f, key, s);
}

/// x with its slices along the axis in random order.
array permutation(const array& x, int axis = 0, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});
/// 0 … x − 1 in random order (uint32).
array permutation(int x, const std::optional<array>& key = std::nullopt, StreamOrDevice s = {});

}  // namespace mica::random

namespace mica {

/// Input: keys uint32 [..., 2]. Output: for each key an array of `shape` and elements of `width` bytes.
struct RandomBits final : PrimitiveOf<RandomBits> {
  RandomBits(Stream stream, Shape bits_shape, int element_width)
      : PrimitiveOf(stream), shape(std::move(bits_shape)), width(element_width) {}
  std::string_view name() const override { return "bits"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VMAP
  auto fields() const { return std::tie(shape, width); }
  Shape shape;
  int width;
};

}  // namespace mica
