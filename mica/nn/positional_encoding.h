#pragma once

#include <optional>
#include <variant>

#include "mica/nn/member.h"

namespace mica::nn {

/// Rotary position embedding (https://arxiv.org/abs/2104.09864) of the first `dims` features of x [..., T, D].
struct RoPE : UnaryModule {
  explicit RoPE(int dims, bool traditional = false, float base = 10000.0f, float scale = 1.0f);
  array operator()(const array& x) const override { return (*this)(x, 0); }
  /// The first place is at position `offset` (an array: one offset for each entry of the first axis).
  array operator()(const array& x, const std::variant<int, array>& offset) const;
  int dims;
  bool traditional;
  float base;
  float scale;
};

/// Options of SinusoidalPositionalEncoding.
struct SinusoidalOptions {
  float min_freq = 0.0001f;
  float max_freq = 1.0f;
  /// √(2 / dims) unless given.
  std::optional<float> scale = std::nullopt;
  bool cos_first = false;
  /// Frequencies are multiplied by 2π.
  bool full_turns = false;
};

/// Sines and cosines of positions x [...] at dims / 2 frequencies → [..., dims] (https://arxiv.org/abs/1706.03762).
/// dims must be positive and even (std::invalid_argument).
struct SinusoidalPositionalEncoding : UnaryModule {
  explicit SinusoidalPositionalEncoding(int dims, const SinusoidalOptions& options = {});
  array operator()(const array& x) const override;
  float scale;
  bool cos_first;
  Parameter sigmas;
};

/// Attention with linear biases (https://arxiv.org/abs/2108.12409): adds −slope · distance to scores [B, H, Q, K].
struct ALiBi : Module {
  array operator()(const array& attention_scores, int offset = 0,
                   const std::optional<array>& mask = std::nullopt) const;
  /// [1, num_heads, q_length − offset, k_length]
  static array create_alibi_matrix(int q_sequence_length, int k_sequence_length, int num_heads, int offset = 0,
                                   Dtype dtype = float32);
  /// [num_heads, 1, 1]
  static array create_alibi_slope(int num_heads, Dtype dtype = float32);
};

}  // namespace mica::nn
