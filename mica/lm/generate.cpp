#include "mica/lm/generate.h"

#include <algorithm>
#include <chrono>

#include "mica/array/evaluate.h"
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

}  // namespace

std::optional<array> prefill(const Model& model, std::span<const int32_t> tokens, PromptCache& cache, int step,
                             const std::function<void(int64_t, int64_t)>& on_progress,
                             const std::function<bool()>& interrupted) {
  check_prompt(tokens, model.description().vocab_size);
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
  GenerationStep step;
  step.prompt_tokens = answer.prompt_tokens();
  const auto start = Clock::now();
  const std::optional<array> prefilled =
      prefill(model, prompt, cache, options.prefill_step_size, options.on_prefill, options.interrupted);
  if (!prefilled || answer.finished()) {
    step.prompt_tps = static_cast<double>(step.prompt_tokens) / seconds_since(start);
    step.finish_reason = prefilled ? answer.finish_reason() : "interrupted";
    return step;
  }
  array logits = *prefilled;
  Clock::time_point first_token;
  while (!answer.finished()) {
    logits.eval();
    const SampledToken sampled = answer.sample({logits.data<float>(), logits.size()});
    if (step.generation_tokens == 0) {
      step.prompt_tps = static_cast<double>(step.prompt_tokens) / seconds_since(start);
      first_token = Clock::now();
    }
    step.token = sampled.id;
    step.logprob = sampled.logprob;
    ++step.generation_tokens;
    // The first token belongs to the prompt's time: rates count the intervals after it.
    step.generation_tps = static_cast<double>(step.generation_tokens - 1) / seconds_since(first_token);
    step.text = answer.add(sampled.id);
    if (!answer.finished() && options.interrupted && options.interrupted()) step.text += answer.interrupt();
    if (!answer.finished()) {
      logits = reshape(model.forward(token_array({&sampled.id, 1}), cache, true), {-1});
      async_eval(logits);
    }
    step.finish_reason = answer.finish_reason();
    if (on_step) on_step(step);
  }
  return step;
}

std::string generate(const Model& model, const text::Tokenizer& tokenizer, std::span<const int32_t> prompt,
                     const GenerateOptions& options) {
  PromptCache cache = model.make_cache();
  std::string out;
  stream_generate(model, tokenizer, prompt, cache, options, [&](const GenerationStep& step) { out += step.text; });
  return out;
}

}  // namespace mica::lm
