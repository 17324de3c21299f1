#include "mica/nn/positional_encoding.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

array first_sigmas(int dims, const SinusoidalOptions& options) {
  if (dims <= 0 || dims % 2 != 0) {
    fail_as<std::invalid_argument>("[SinusoidalPositionalEncoding] dims must be positive and even, not {}", dims);
  }
  const int half = dims / 2;
  const double low = std::log(static_cast<double>(options.min_freq));
  const double high = std::log(static_cast<double>(options.max_freq));
  const array places = half == 1 ? array({1.0f}) : Weak(1) - arange(half) / Weak(half - 1);
  const array sigmas = exp(places * Weak(high - low) + Weak(low));
  return options.full_turns ? sigmas * Weak(2 * std::numbers::pi) : sigmas;
}

/// The slopes of n heads: a geometric series for a power of two, else that of the next lower power and every other one
/// of the next higher.
std::vector<double> alibi_slopes(int n) {
  const auto lower = static_cast<int>(std::bit_floor(static_cast<unsigned>(n)));
  std::vector<double> slopes;
  slopes.reserve(static_cast<size_t>(n));
  const double start = std::pow(2.0, -8.0 / lower);
  for (int i = 0; i < lower; ++i) slopes.push_back(std::pow(start, i + 1));
  const double between = std::pow(2.0, -8.0 / (2.0 * lower));
  for (int i = 0; i < n - lower; ++i) slopes.push_back(std::pow(between, 2 * i + 1));
  return slopes;
}

}  // namespace

RoPE::RoPE(int rotated_dims, bool neighbours, float rope_base, float position_scale)
    : dims(rotated_dims), traditional(neighbours), base(rope_base), scale(position_scale) {}

array RoPE::operator()(const array& x, const std::variant<int, array>& offset) const {
  return fast::rope(x, dims, traditional, base, scale, offset);
}

SinusoidalPositionalEncoding::SinusoidalPositionalEncoding(int dims, const SinusoidalOptions& options)
    : scale(options.scale.value_or(std::sqrt(2.0f / static_cast<float>(dims)))),
      cos_first(options.cos_first),
      sigmas(this, "_sigmas", first_sigmas(dims, options)) {}

array SinusoidalPositionalEncoding::operator()(const array& x) const {
  const array angles = expand_dims(x, -1) * sigmas;
  const array cosines = cos(angles);
  const array sines = sin(angles);
  const array y = concatenate(cos_first ? std::vector{cosines, sines} : std::vector{sines, cosines}, -1);
  return scale == 1.0f ? y : y * Weak(scale);
}

array ALiBi::create_alibi_slope(int num_heads, Dtype dtype) {
  if (num_heads <= 0) fail_as<std::invalid_argument>("[ALiBi] there are {} heads", num_heads);
  const std::vector<double> slopes = alibi_slopes(num_heads);
  return array(slopes.begin(), {num_heads, 1, 1}, dtype);
}

array ALiBi::create_alibi_matrix(int q_sequence_length, int k_sequence_length, int num_heads, int offset, Dtype dtype) {
  const array queries = expand_dims(arange(offset, q_sequence_length), 1);
  const array distances = -abs(queries - arange(0, k_sequence_length));
  return astype(expand_dims(distances, {0, 1}) * create_alibi_slope(num_heads, dtype), dtype);
}

array ALiBi::operator()(const array& attention_scores, int offset, const std::optional<array>& mask) const {
  const auto queries = static_cast<int>(attention_scores.shape(-2)) + offset;
  const auto keys = static_cast<int>(attention_scores.shape(-1));
  array biases =
      create_alibi_matrix(queries, keys, static_cast<int>(attention_scores.shape(1)), offset, attention_scores.dtype());
  if (mask) biases = biases + *mask;
  return attention_scores + biases;
}

}  // namespace mica::nn
