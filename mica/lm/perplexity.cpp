#include "mica/lm/perplexity.h"

#include <algorithm>
#include <cmath>

#include "mica/base/error.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::lm {
namespace {

/// Negative log likelihoods of a window's tokens from the second on.
array losses(const Model& model, std::span<const int32_t> window) {
  const auto count = static_cast<ShapeElem>(window.size());
  PromptCache cache = model.make_cache();
  const array inputs(window.data(), Shape{1, count - 1}, int32);
  const array targets(window.data() + 1, Shape{count - 1, 1}, int32);
  const array logits = flatten(model.forward(inputs, cache, false), 0, 1);
  array loss = subtract(logsumexp(logits, -1), squeeze(take_along_axis(logits, targets, -1), -1));
  loss.eval();
  return loss;
}

}  // namespace

Perplexity perplexity(const Model& model, std::span<const int32_t> tokens, int context,
                      const std::function<void(int64_t, int64_t, double)>& on_progress) {
  if (tokens.size() < 2) fail("perplexity: the text has {} tokens, at least 2 are needed", tokens.size());
  const auto width = static_cast<size_t>(context);
  const auto windows = static_cast<int64_t>((tokens.size() + width - 1) / width);
  double sum = 0;
  double squares = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < windows; ++i) {
    const size_t begin = static_cast<size_t>(i) * width;
    const auto window = tokens.subspan(begin, std::min(width, tokens.size() - begin));
    if (window.size() < 2) break;
    const array loss = losses(model, window);
    for (size_t j = 0; j < loss.size(); ++j) {
      const double value = loss.data<float>()[j];
      sum += value;
      squares += value * value;
    }
    count += static_cast<int64_t>(loss.size());
    if (on_progress) on_progress(i + 1, windows, std::exp(sum / static_cast<double>(count)));
  }
  const auto n = static_cast<double>(count);
  const double mean = sum / n;
  const double variance = std::max(squares / n - mean * mean, 0.0);
  return {std::exp(mean), std::exp(mean) * std::sqrt(variance / n), count};
}

}  // namespace mica::lm
