#include "mica/lm/generate.h"

#include <algorithm>
#include <chrono>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/ops/shape.h"

namespace mica::lm {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::max(std::chrono::duration<double>(Clock::now() - start).count(), 1e-9);
}

array token_array(std::span<const int32_t> tokens) {
  return array(tokens.data(), Shape{1, static_cast<ShapeElem>(tokens.size())}, int32);
}

/// Makes the steps of an answer, with their counts and times.
class StepMaker {
 public:
  explicit StepMaker(Answer& answer) : answer_(answer) { step_.prompt_tokens = answer.prompt_tokens(); }

  /// The step of an answer that has none.
  GenerationStep none(const std::string& finish_reason) {
    end_prompt();
    step_.finish_reason = finish_reason;
    return step_;
  }

  /// The next token. `draft`: what was guessed from this token on.
  GenerationStep next(const SampledToken& sampled, std::span<const int32_t> draft) {
    if (step_.generation_tokens == 0) end_prompt();
    step_.token = sampled.id;
    step_.logprob = sampled.logprob;
    step_.from_draft = !draft.empty() && draft.front() == sampled.id;
    ++step_.generation_tokens;
    // The first token belongs to the prompt's time: rates count the intervals after it.
    step_.generation_tps = static_cast<double>(step_.generation_tokens - 1) / seconds_since(prompt_end_);
    step_.text = answer_.add(sampled.id);
    step_.finish_reason = answer_.finish_reason();
    return step_;
  }

 private:
  void end_prompt() {
    step_.prompt_tps = static_cast<double>(step_.prompt_tokens) / seconds_since(start_);
    prompt_end_ = Clock::now();
  }

  Answer& answer_;
  GenerationStep step_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point prompt_end_;
};

}  // namespace

std::optional<array> prefill(const Model& model, std::span<const int32_t> tokens, PromptCache& cache, int step,
                             const std::function<void(int64_t, int64_t)>& on_progress,
                             const std::function<bool()>& interrupted) {
  check_prompt(tokens, model.description().vocab_size);
  const ThreadLimit threads(ThreadPool::global(), model.prefill_threads());
  const auto total = static_cast<int64_t>(tokens.size());
  const auto part_size = static_cast<size_t>(std::max(step, 1));
  while (tokens.size() > part_size) {
    model.forward(token_array(tokens.first(part_size)), cache, true);
    eval(cache.state());
    tokens = tokens.subspan(part_size);
    if (on_progress) on_progress(total - static_cast<int64_t>(tokens.size()), total);
    if (interrupted && interrupted()) return std::nullopt;
  }
  array logits = reshape(model.forward(token_array(tokens), cache, true), {-1});
  logits.eval();
  if (on_progress) on_progress(total, total);
  return logits;
}

GenerationStep stream_generate(const Model& model, const text::Tokenizer& tokenizer, std::span<const int32_t> prompt,
                               PromptCache& cache, const GenerateOptions& options,
                               const std::function<void(const GenerationStep&)>& on_step) {
  Answer answer(tokenizer, prompt, options, model.description().vocab_size);
  Speculation speculation(model, options.speculation);
  StepMaker maker(answer);
  const std::optional<array> prefilled =
      prefill(model, prompt, cache, options.prefill_step_size, options.on_prefill, options.interrupted);
  if (!prefilled) return maker.none("interrupted");
  if (answer.finished()) return maker.none(answer.finish_reason());
  if (!speculation.start(prompt, options.interrupted)) return maker.none("interrupted");
  // Of the tokens of a step logits, or what is most likely to follow them.
  array result = *prefilled;
  std::span<const int32_t> draft;
  std::vector<GenerationStep> steps;
  while (!answer.finished()) {
    speculation.wait(result);
    steps.clear();
    do {
      const size_t row = steps.size();
      steps.push_back(maker.next(answer.sample(result, row), draft.subspan(row)));
    } while (steps.back().from_draft && !answer.finished());
    speculation.checked(static_cast<int64_t>(steps.size()) - (steps.back().from_draft ? 0 : 1));
    for (GenerationStep& step : steps) {
      step.drafted_tokens = speculation.drafted_tokens();
      step.accepted_tokens = speculation.accepted_tokens();
    }
    if (!cache.trim(static_cast<int64_t>(draft.size() + 1 - steps.size()))) fail("the cache cannot take a draft back");
    if (!answer.finished() && options.interrupted && options.interrupted()) {
      steps.back().text += answer.interrupt();
      steps.back().finish_reason = answer.finish_reason();
    }
    if (!answer.finished()) {
      const std::span<const int32_t> tokens = speculation.next(answer, cache.offset());
      draft = tokens.subspan(1);
      const array read = token_array(tokens);
      result = answer.is_greedy() ? model.most_likely(read, cache) : model.forward(read, cache, false);
      async_eval(result);
    }
    if (on_step) std::for_each(steps.begin(), steps.end(), on_step);
  }
  return steps.back();
}

std::string generate(const Model& model, const text::Tokenizer& tokenizer, std::span<const int32_t> prompt,
                     const GenerateOptions& options) {
  PromptCache cache = model.make_cache();
  std::string out;
  stream_generate(model, tokenizer, prompt, cache, options, [&](const GenerationStep& step) { out += step.text; });
  return out;
}

}  // namespace mica::lm
