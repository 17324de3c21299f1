#include "mica/lm/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

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

/// Tokens that are passed over together where none is likely.
constexpr size_t kSkipped = 128;

bool uses_top_p(const SamplingOptions& options) {
  return options.top_p > 0 && options.top_p < 1;
}

}  // namespace

bool is_greedy(const SamplingOptions& o) {
  const bool repeats = o.repetition_penalty == 0 || o.repetition_penalty == 1;
  return o.temperature == 0 && repeats && o.presence_penalty == 0 && o.frequency_penalty == 0 && o.logit_bias.empty();
}

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

/// Of candidates sorted from the best one down, behind which `rest` comes: the shortest head whose successors' total is
/// at most 1 − top_p, as mlx-lm's rule over cumulative sums from below has it.
void Sampler::keep_top_p(std::vector<Candidate>& candidates, double rest) const {
  double tail = rest;
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

/// The probability of the tokens that are not among the candidates.
double Sampler::rest_of(const std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += std::exp(static_cast<double>(candidate.logprob));
  return std::max(0.0, 1.0 - sum);
}

bool Sampler::filters() const {
  const SamplingOptions& o = options_;
  return uses_top_p(o) || o.min_p > 0 || o.xtc_probability > 0 || o.top_k > 0;
}

/// Whether the tokens that are at most e^range times less likely than the best one are enough for the filters.
bool Sampler::has_what_stays(const std::vector<Candidate>& candidates, float range) const {
  const SamplingOptions& o = options_;
  if (uses_top_p(o) && rest_of(candidates) <= 1.0 - static_cast<double>(o.top_p)) return true;
  const auto enough = [&](int count) { return candidates.size() >= static_cast<size_t>(count); };
  if (o.min_p > 0 && range >= -std::log(o.min_p) && enough(o.min_tokens_to_keep)) return true;
  return o.top_k > 0 && o.xtc_probability == 0 && enough(o.top_k);
}

/// The tokens that are at most e^range times less likely than the best one.
std::vector<Sampler::Candidate> Sampler::within(const LogitBlocks& logits, float normalizer, float range) {
  std::vector<Candidate> out;
  const float least = logits.best() - range;
  for (size_t index = 0; index < logits.count(); ++index) {
    if (logits.most(index) < least) continue;
    const std::span<const float> block = logits.block(index);
    for (size_t begin = 0; begin < block.size(); begin += kSkipped) {
      const size_t end = std::min(begin + kSkipped, block.size());
      if (cpu::row_kernels().max(&block[begin], static_cast<int64_t>(end - begin)) < least) continue;
      for (size_t i = begin; i < end; ++i) {
        if (block[i] < least) continue;
        out.push_back({static_cast<int32_t>(index * LogitBlocks::kBlock + i), block[i] - normalizer});
      }
    }
  }
  return out;
}

/// The tokens that survive the filters, from the best one down.
std::vector<Sampler::Candidate> Sampler::filter(const LogitBlocks& logits, float normalizer) {
  const SamplingOptions& o = options_;
  // Few tokens are likely: only those are sorted, if the filters leave no others.
  std::vector<Candidate> candidates;
  for (const float range : {2.0f, 3.0f, 4.5f, 7.0f, 10.0f, 15.0f, std::numeric_limits<float>::infinity()}) {
    candidates = within(logits, normalizer, range);
    if (has_what_stays(candidates, range)) break;
  }
  const double rest = candidates.size() == logits.size() ? 0.0 : rest_of(candidates);
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.id < b.id;
  };
  std::sort(candidates.begin(), candidates.end(), better);
  if (uses_top_p(o)) keep_top_p(candidates, rest);
  if (o.min_p > 0) keep_min_p(candidates);
  if (o.xtc_probability > 0) exclude_top_choices(candidates);
  if (o.top_k > 0 && candidates.size() > static_cast<size_t>(o.top_k)) candidates.resize(static_cast<size_t>(o.top_k));
  return candidates;
}

/// The place of a token drawn from the logits as they are.
size_t Sampler::draw_from_all(const LogitBlocks& logits) {
  std::vector<double> cumulative = logits.sums(options_.temperature);
  std::partial_sum(cumulative.begin(), cumulative.end(), cumulative.begin());
  const double wanted = uniform() * cumulative.back();
  const auto above = std::upper_bound(cumulative.begin(), cumulative.end(), wanted) - cumulative.begin();
  const size_t index = std::min(static_cast<size_t>(above), cumulative.size() - 1);
  double sum = index > 0 ? cumulative[index - 1] : 0.0;
  const std::span<const float> block = logits.block(index);
  // Rounding may leave a little at the end of a block: its last token that is possible at all.
  size_t chosen = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const double p = std::exp(static_cast<double>((block[i] - logits.best()) / options_.temperature));
    if (p > 0) chosen = i;
    sum += p;
    if (sum > wanted) break;
  }
  return index * LogitBlocks::kBlock + chosen;
}

/// The place of a token drawn from candidates.
size_t Sampler::draw_from(const std::vector<Candidate>& candidates) {
  const float top = candidates.front().logprob;
  double total = 0;
  std::vector<double> cumulative;
  cumulative.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    total += std::exp((static_cast<double>(candidate.logprob) - top) / static_cast<double>(options_.temperature));
    cumulative.push_back(total);
  }
  const auto chosen = std::upper_bound(cumulative.begin(), cumulative.end(), uniform() * total);
  return std::min<size_t>(static_cast<size_t>(chosen - cumulative.begin()), candidates.size() - 1);
}

SampledToken Sampler::sample(std::span<float> logits, std::span<const int32_t> history) {
  apply_penalties(logits, history);
  const LogitBlocks blocks(logits);
  const float normalizer = blocks.normalizer();
  const auto token = [&](size_t id) -> SampledToken { return {static_cast<int32_t>(id), logits[id] - normalizer}; };
  if (options_.temperature == 0) return token(blocks.best_place());
  if (!filters()) return token(draw_from_all(blocks));
  const std::vector<Candidate> candidates = filter(blocks, normalizer);
  return token(static_cast<size_t>(candidates[draw_from(candidates)].id));
}

}  // namespace mica::lm
