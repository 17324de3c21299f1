#include "mica/lm/sampling.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "mica/base/error.h"
#include "mica/cpu/kernels/elementwise.h"

namespace mica::lm {
namespace {

std::span<const int32_t> last(std::span<const int32_t> history, int count) {
  return history.last(std::min(history.size(), static_cast<size_t>(std::max(count, 0))));
}

std::map<int32_t, int> counts(std::span<const int32_t> tokens) {
  std::map<int32_t, int> out;
  for (const int32_t token : tokens) ++out[token];
  return out;
}

}  // namespace

void check(const SamplingOptions& o, int vocab_size) {
  const auto within = [](const char* name, float value, float low, float high) {
    if (!(value >= low && value <= high)) fail("{} is {}, it must be from {} to {}", name, value, low, high);
  };
  within("temperature", o.temperature, 0, 1e6f);
  within("top_p", o.top_p, 0, 1);
  within("min_p", o.min_p, 0, 1);
  within("xtc_probability", o.xtc_probability, 0, 1);
  within("xtc_threshold", o.xtc_threshold, 0, 0.5f);
  within("repetition_penalty", o.repetition_penalty, 0, 1e6f);
  within("presence_penalty", o.presence_penalty, -1e6f, 1e6f);
  within("frequency_penalty", o.frequency_penalty, -1e6f, 1e6f);
  if (o.top_k < 0) fail("top_k is {}, it must be 0 (off) or more", o.top_k);
  if (o.min_tokens_to_keep < 1) fail("min_tokens_to_keep is {}, it must be 1 or more", o.min_tokens_to_keep);
  for (const auto& [token, bias] : o.logit_bias) {
    if (token < 0 || token >= vocab_size) fail("logit_bias names token {}, the vocabulary has {}", token, vocab_size);
    if (std::isnan(bias)) fail("logit_bias of token {} is not a number", token);
  }
}

Sampler::Sampler(SamplingOptions options) : options_(std::move(options)), random_(options_.seed) {}

double Sampler::uniform() {
  return static_cast<double>(random_() >> 11) * 0x1p-53;
}

void Sampler::apply_penalties(std::span<float> logits, std::span<const int32_t> history) const {
  const SamplingOptions& o = options_;
  const auto known = [&](int32_t token) { return token >= 0 && static_cast<size_t>(token) < logits.size(); };
  for (const auto& [token, bias] : o.logit_bias) {
    if (known(token)) logits[static_cast<size_t>(token)] += bias;
  }
  if (o.repetition_penalty != 0 && o.repetition_penalty != 1) {
    for (const auto& [token, unused] : counts(last(history, o.repetition_context_size))) {
      if (!known(token)) continue;
      float& logit = logits[static_cast<size_t>(token)];
      logit = logit < 0 ? logit * o.repetition_penalty : logit / o.repetition_penalty;
    }
  }
  if (o.presence_penalty != 0) {
    for (const auto& [token, unused] : counts(last(history, o.presence_context_size))) {
      if (known(token)) logits[static_cast<size_t>(token)] -= o.presence_penalty;
    }
  }
  if (o.frequency_penalty != 0) {
    for (const auto& [token, count] : counts(last(history, o.frequency_context_size))) {
      if (known(token)) logits[static_cast<size_t>(token)] -= o.frequency_penalty * static_cast<float>(count);
    }
  }
}

/// Of candidates sorted from the best one down: the shortest head whose successors' total is at most 1 − top_p, as
/// mlx-lm's rule over cumulative sums from below has it.
void Sampler::keep_top_p(std::vector<Candidate>& candidates) const {
  double tail = 0;
  size_t keep = candidates.size();
  while (keep > 1) {
    tail += std::exp(static_cast<double>(candidates[keep - 1].logprob));
    if (tail > 1.0 - static_cast<double>(options_.top_p)) break;
    --keep;
  }
  candidates.resize(keep);
}

void Sampler::keep_min_p(std::vector<Candidate>& candidates) const {
  const float least = candidates.front().logprob + std::log(options_.min_p);
  size_t keep = candidates.size();
  while (keep > static_cast<size_t>(options_.min_tokens_to_keep) && candidates[keep - 1].logprob < least) --keep;
  candidates.resize(keep);
}

void Sampler::exclude_top_choices(std::vector<Candidate>& candidates) {
  if (uniform() >= static_cast<double>(options_.xtc_probability)) return;
  // Probabilities among what the other filters have left.
  double total = 0;
  for (const Candidate& candidate : candidates) total += std::exp(static_cast<double>(candidate.logprob));
  size_t above = 0;
  while (above < candidates.size() && std::exp(static_cast<double>(candidates[above].logprob)) / total >
                                          static_cast<double>(options_.xtc_threshold)) {
    ++above;
  }
  if (above < 2) return;
  const auto& special = options_.xtc_special_tokens;
  const auto last_above = candidates.begin() + static_cast<std::ptrdiff_t>(above) - 1;
  candidates.erase(std::remove_if(candidates.begin(), last_above,
                                  [&](const Candidate& candidate) {
                                    return std::find(special.begin(), special.end(), candidate.id) == special.end();
                                  }),
                   last_above);
}

/// The tokens that survive the filters, from the best one down.
std::vector<Sampler::Candidate> Sampler::filter(std::span<const float> logits, float normalizer) {
  const SamplingOptions& o = options_;
  std::vector<Candidate> candidates;
  candidates.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    candidates.push_back({static_cast<int32_t>(i), logits[i] - normalizer});
  }
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.id < b.id;
  };
  const bool by_rank = (o.top_p > 0 && o.top_p < 1) || o.min_p > 0 || o.xtc_probability > 0;
  const bool top_k = o.top_k > 0 && static_cast<size_t>(o.top_k) < candidates.size();
  if (!by_rank && top_k) {
    std::partial_sort(candidates.begin(), candidates.begin() + o.top_k, candidates.end(), better);
  } else if (by_rank) {
    std::sort(candidates.begin(), candidates.end(), better);
  }
  if (o.top_p > 0 && o.top_p < 1) keep_top_p(candidates);
  if (o.min_p > 0) keep_min_p(candidates);
  if (o.xtc_probability > 0) exclude_top_choices(candidates);
  if (top_k && candidates.size() > static_cast<size_t>(o.top_k)) candidates.resize(static_cast<size_t>(o.top_k));
  return candidates;
}

SampledToken Sampler::sample(std::span<float> logits, std::span<const int32_t> history) {
  apply_penalties(logits, history);
  const auto count = static_cast<int64_t>(logits.size());
  const auto best = logits.begin() + cpu::row_kernels().argmax(logits.data(), count);
  const float normalizer = *best + std::log(cpu::row_kernels().sum_exp(logits.data(), *best, count));
  const auto token = [&](int32_t id) -> SampledToken { return {id, logits[static_cast<size_t>(id)] - normalizer}; };
  if (options_.temperature == 0) return token(static_cast<int32_t>(best - logits.begin()));
  const std::vector<Candidate> candidates = filter(logits, normalizer);
  const float top = *best - normalizer;
  double total = 0;
  std::vector<double> cumulative;
  cumulative.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    total += std::exp((static_cast<double>(candidate.logprob) - top) / static_cast<double>(options_.temperature));
    cumulative.push_back(total);
  }
  const auto chosen = std::upper_bound(cumulative.begin(), cumulative.end(), uniform() * total);
  const auto index = std::min<size_t>(static_cast<size_t>(chosen - cumulative.begin()), candidates.size() - 1);
  return token(candidates[index].id);
}

}  // namespace mica::lm
