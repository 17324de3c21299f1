#include "mica/lm/speculate.h"

#include <algorithm>
#include <cmath>

#include "mica/base/error.h"

namespace mica::lm {
namespace {

/// Lengths that drafts have, besides the longest allowed one: steps of 2, 4 and 8 tokens fill the tiles of the
/// matrix products, and few different lengths need few compiled steps.
constexpr int64_t kLengths[] = {1, 3, 7};

/// Steps without a draft that are measured before there is one: the first has the step compiled.
constexpr size_t kPlainSteps = 3;

/// What must be gained: guesses about times and chances are rough.
constexpr double kGain = 1.05;

}  // namespace

void check(const SpeculationOptions& o) {
  const auto within = [](const char* name, int value, int64_t low) {
    if (value < low || value > kMostDraftTokens) {
      fail("{} is {}, it must be from {} to {}", name, value, low, kMostDraftTokens);
    }
  };
  within("ngram_draft_tokens", o.ngram_draft_tokens, 0);
  within("num_draft_tokens", o.num_draft_tokens, 1);
}

Speculation::Speculation(const Model& model, const SpeculationOptions& options) : model_(&model), options_(options) {
  check(options);
}

bool Speculation::start(std::span<const int32_t> prompt, const std::function<bool()>& interrupted) {
  sources_.clear();
  if (options_.ngram_draft_tokens > 0) sources_.push_back({&ngrams_, options_.ngram_draft_tokens});
  if (options_.drafter) sources_.push_back({options_.drafter, options_.num_draft_tokens});
  std::vector<int32_t> text(options_.context.begin(), options_.context.end());
  text.insert(text.end(), prompt.begin(), prompt.end());
  return std::all_of(sources_.begin(), sources_.end(),
                     [&](const Source& source) { return source.drafter->start(text, interrupted); });
}

std::span<const int32_t> Speculation::next(const Answer& answer, int64_t offset) {
  const auto fresh = answer.history().last(static_cast<size_t>(answer.generated_tokens() - told_));
  told_ = answer.generated_tokens();
  for (const Source& source : sources_) {
    for (const int32_t token : fresh) source.drafter->add(token);
  }
  // The last token of an answer is never fed.
  const int64_t room = answer.room() < 0 ? kMostDraftTokens : answer.room() - 1;
  const Plan chosen = plan(offset, room);
  drafter_ = chosen.drafter;
  tokens_ = {answer.history().back()};
  if (drafter_) drafter_->draft(chosen.count, answer, tokens_);
  begin_ = std::chrono::steady_clock::now();
  return tokens_;
}

void Speculation::wait(array& result) {
  result.eval();
  if (tokens_.empty()) return;
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin_;
  times_[tokens_.size() - 1].add(taken.count());
}

void Speculation::checked(int64_t right) {
  if (!drafter_) return;
  const auto count = static_cast<int64_t>(tokens_.size()) - 1;
  drafter_->checked(count, right);
  drafted_ += count;
  accepted_ += right;
}

/// The draft that promises the most tokens a second, if any promises more than a step without one.
Speculation::Plan Speculation::plan(int64_t offset, int64_t room) const {
  Plan best;
  if (times_[0].count() < kPlainSteps) return best;
  double best_rate = kGain / step_seconds(1);
  for (const Source& source : sources_) {
    const auto consider = [&](int64_t count) {
      double tokens = 1;
      double chance = 1;
      for (int64_t i = 0; i < count; ++i) tokens += chance *= source.drafter->chance(i);
      const double rate = tokens / (step_seconds(count + 1) + source.drafter->seconds(count));
      if (rate <= best_rate || !has_same_ropes(offset, count + 1)) return;
      best_rate = rate;
      best = {source.drafter, count};
    };
    for (const int64_t length : kLengths) {
      if (length < source.most && length <= room) consider(length);
    }
    if (source.most <= room) consider(source.most);
  }
  return best;
}

/// Measured, or guessed from shorter steps.
double Speculation::step_seconds(int64_t tokens) const {
  // The first time of a length has the step compiled, and any may be a bad one.
  const auto is_known = [&](int64_t length) { return times_[static_cast<size_t>(length - 1)].count() > 3; };
  int64_t known = tokens;
  while (known > 1 && !is_known(known)) --known;
  // Hopeful: a try or two cost little, and tell.
  constexpr double kDoubled = 1.25;
  const double factor = std::pow(kDoubled, std::log2(static_cast<double>(tokens) / static_cast<double>(known)));
  return times_[static_cast<size_t>(known - 1)].seconds() * factor;
}

/// Whether positions turn alike in one step and token by token: some ropes change their periods with the length.
bool Speculation::has_same_ropes(int64_t offset, int64_t tokens) const {
  const auto& ropes = model_->description().ropes;
  return std::all_of(ropes.begin(), ropes.end(),
                     [&](const Rope& rope) { return rope.has_same_periods(offset + 1, offset + tokens); });
}

}  // namespace mica::lm
