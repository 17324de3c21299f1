#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "mica/lm/model.h"

namespace mica::lm {

/// How well a model predicts a text.
struct Perplexity {
  double value = 0;           ///< exp of the mean negative log likelihood
  double standard_error = 0;  ///< of value
  int64_t tokens = 0;         ///< predicted
};

/// Perplexity over consecutive windows of `context` tokens (the last one may be shorter): each token but a window's
/// first is predicted from those before it in the window. Throws Error for fewer than two tokens.
Perplexity perplexity(const Model& model, std::span<const int32_t> tokens, int context,
                      const std::function<void(int64_t done, int64_t total, double so_far)>& on_progress = {});

}  // namespace mica::lm
