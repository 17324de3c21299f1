#include "mica/lm/perplexity.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::lm {
namespace {

/// Log probabilities [n − 1, vocab] of what follows each of a window's tokens but the last.
array predictions(const Model& model, std::span<const int32_t> window) {
  const auto count = static_cast<ShapeElem>(window.size());
  PromptCache cache = model.make_cache();
  const array inputs(window.data(), Shape{1, count - 1}, int32);
  const array logits = flatten(model.forward(inputs, cache, false), 0, 1);
  return subtract(logits, logsumexp(logits, -1, true));
}

/// The negative log likelihoods of a text.
class Losses {
 public:
  void add(const array& predicted, std::span<const int32_t> window) {
    const array targets(window.data() + 1, Shape{predicted.shape(0), 1}, int32);
    array found = take_along_axis(predicted, targets, -1);
    found.eval();
    for (size_t i = 0; i < found.size(); ++i) {
      const double loss = -found.data<float>()[i];
      sum_ += loss;
      squares_ += loss * loss;
    }
    count_ += static_cast<int64_t>(found.size());
  }

  Perplexity perplexity() const {
    const auto n = static_cast<double>(count_);
    const double mean = sum_ / n;
    const double variance = std::max(squares_ / n - mean * mean, 0.0);
    return {std::exp(mean), std::exp(mean) * std::sqrt(variance / n), count_};
  }

 private:
  double sum_ = 0;
  double squares_ = 0;
  int64_t count_ = 0;
};

/// Calls predict(window) for the windows of a text, which returns the perplexity so far.
template <typename Predict>
void for_windows(std::span<const int32_t> tokens, const PerplexityWindows& windows,
                 const PerplexityProgress& on_progress, Predict predict) {
  const size_t least = windows.start ? 1 : 2;
  if (tokens.size() < least) fail("perplexity: the text has {} tokens, at least {} are needed", tokens.size(), least);
  if (windows.context < 2) fail("perplexity: windows of {} tokens, at least 2 are needed", windows.context);
  const size_t width = static_cast<size_t>(windows.context) - (windows.start ? 1 : 0);
  const auto count = static_cast<int64_t>((tokens.size() - least) / width + 1);
  for (int64_t i = 0; i < count; ++i) {
    const size_t begin = static_cast<size_t>(i) * width;
    const auto part = tokens.subspan(begin, std::min(width, tokens.size() - begin));
    std::vector<int32_t> window;
    if (windows.start) window.push_back(*windows.start);
    window.insert(window.end(), part.begin(), part.end());
    const double so_far = predict(window);
    if (on_progress) on_progress(i + 1, count, so_far);
  }
}

}  // namespace

Perplexity perplexity(const Model& model, std::span<const int32_t> tokens, const PerplexityWindows& windows,
                      const PerplexityProgress& on_progress) {
  Losses losses;
  for_windows(tokens, windows, on_progress, [&](std::span<const int32_t> window) {
    losses.add(predictions(model, window), window);
    return losses.perplexity().value;
  });
  return losses.perplexity();
}

Divergence divergence(const Model& model, const Model& reference, std::span<const int32_t> tokens,
                      const PerplexityWindows& windows, const PerplexityProgress& on_progress) {
  if (model.description().vocab_size != reference.description().vocab_size) {
    fail("perplexity: a model of {} tokens compared with one of {}", model.description().vocab_size,
         reference.description().vocab_size);
  }
  Losses losses, true_losses;
  double sum = 0;
  double largest = 0;
  int64_t same = 0;
  for_windows(tokens, windows, on_progress, [&](std::span<const int32_t> window) {
    array got = predictions(model, window);
    array wanted = predictions(reference, window);
    eval(got, wanted);
    losses.add(got, window);
    true_losses.add(wanted, window);
    array kl = mica::sum(multiply(exp(wanted), subtract(wanted, got)), -1);
    array agrees = mica::sum(astype(equal(argmax(got, -1), argmax(wanted, -1)), int32));
    eval(kl, agrees);
    for (size_t i = 0; i < kl.size(); ++i) {
      sum += kl.data<float>()[i];
      largest = std::max<double>(largest, kl.data<float>()[i]);
    }
    same += agrees.item<int32_t>();
    return losses.perplexity().value;
  });
  const Perplexity own = losses.perplexity();
  const auto count = static_cast<double>(own.tokens);
  return {own, true_losses.perplexity(), sum / count, largest, static_cast<double>(same) / count};
}

}  // namespace mica::lm
