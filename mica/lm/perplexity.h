#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "mica/lm/model.h"

namespace mica::lm {

/// How well a model predicts a text.
struct Perplexity {
  double value = 0;           ///< exp of the mean negative log likelihood
  double standard_error = 0;  ///< of value
  int64_t tokens = 0;         ///< predicted
};

/// Called after each window: how many there are, and the perplexity of what has been predicted so far.
using PerplexityProgress = std::function<void(int64_t done, int64_t total, double so_far)>;

/// What a text is cut into: consecutive windows of `context` tokens (the last one may be shorter). Each token but a
/// window's first is predicted from those before it in the window.
struct PerplexityWindows {
  int context = 512;
  /// The token that every window is to begin with, before those of the text: <bos> for models that have seen no text
  /// without it.
  std::optional<int32_t> start = std::nullopt;
};

/// Perplexity of a text. Throws Error where there is nothing to predict.
Perplexity perplexity(const Model& model, std::span<const int32_t> tokens, const PerplexityWindows& windows,
                      const PerplexityProgress& on_progress = {});

/// How far a model's predictions of a text are from those of a reference.
struct Divergence {
  Perplexity model;
  Perplexity reference;
  double mean_kl = 0;     ///< Kullback-Leibler divergence of the next token's distribution, in nats a token
  double largest_kl = 0;  ///< of a token
  double same_best = 0;   ///< share of the tokens for which both find the same one the most likely
};

/// The same over the same windows for two models with one vocabulary, of which the second is taken for the truth.
Divergence divergence(const Model& model, const Model& reference, std::span<const int32_t> tokens,
                      const PerplexityWindows& windows, const PerplexityProgress& on_progress = {});

}  // namespace mica::lm
