#include "mica/lm/batch_generate.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "mica/array/memory.h"
#include "mica/base/error.h"

namespace mica::lm {
namespace {

using Prompts = std::span<const std::vector<int32_t>>;

/// Numbers of the prompts, the shortest first, so that prompts of like lengths are processed together.
std::vector<size_t> by_length(Prompts prompts) {
  std::vector<size_t> out(prompts.size());
  std::iota(out.begin(), out.end(), size_t{0});
  std::sort(out.begin(), out.end(),
            [&](size_t a, size_t b) { return std::pair(prompts[a].size(), a) < std::pair(prompts[b].size(), b); });
  return out;
}

void add(BatchAnswer& answer, BatchResponse& response) {
  answer.text += response.text;
  if (response.token) {
    answer.tokens.push_back(response.token->id);
    answer.logprobs.push_back(response.token->logprob);
  }
  answer.finish_reason = response.finish_reason;
  if (response.cache) answer.cache = std::move(response.cache);
}

double rate(int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

BatchStats statistics(Prompts prompts, const std::vector<BatchAnswer>& answers, double prompt_seconds, double seconds) {
  BatchStats out;
  for (const auto& prompt : prompts) out.prompt_tokens += static_cast<int64_t>(prompt.size());
  for (const BatchAnswer& answer : answers) out.generation_tokens += static_cast<int64_t>(answer.tokens.size());
  out.prompt_time = prompt_seconds;
  out.prompt_tps = rate(out.prompt_tokens, out.prompt_time);
  out.generation_time = seconds - prompt_seconds;
  // The first tokens belong to the prompts' time.
  const auto first = std::count_if(answers.begin(), answers.end(), [](const auto& a) { return !a.tokens.empty(); });
  out.generation_tps = rate(out.generation_tokens - first, out.generation_time);
  out.peak_memory = get_peak_memory();
  return out;
}

}  // namespace

BatchResult batch_generate(const Model& model, const text::Tokenizer& tokenizer, Prompts prompts,
                           std::span<const AnswerOptions> answers, BatchGenerateOptions options) {
  if (answers.size() != 1 && answers.size() != prompts.size()) {
    fail("options of {} answers for {} prompts", answers.size(), prompts.size());
  }
  if (!options.prompt_caches.empty() && options.prompt_caches.size() != prompts.size()) {
    fail("{} caches for {} prompts", options.prompt_caches.size(), prompts.size());
  }
  BatchGenerator generator(model, tokenizer, options);
  // Of a response's id the number of the prompt.
  const std::vector<size_t> order = by_length(prompts);
  for (const size_t i : order) {
    std::optional<PromptCache> cache;
    if (!options.prompt_caches.empty()) cache = std::move(options.prompt_caches[i]);
    generator.insert(prompts[i], answers[answers.size() == 1 ? 0 : i], std::move(cache));
  }
  BatchResult out;
  out.answers.resize(prompts.size());
  const auto take = [&](BatchResponse& response) {
    const size_t prompt = order[static_cast<size_t>(response.id)];
    response.id = static_cast<int64_t>(prompt);
    if (options.on_response) options.on_response(response);
    add(out.answers[prompt], response);
  };
  const auto start = std::chrono::steady_clock::now();
  while (!generator.idle()) {
    for (BatchResponse& response : generator.next()) take(response);
    if (!options.interrupted || !options.interrupted()) continue;
    for (size_t id = 0; id < order.size(); ++id) {
      if (auto response = generator.remove(static_cast<int64_t>(id))) take(*response);
    }
    break;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.stats = statistics(prompts, out.answers, generator.prompt_seconds(), seconds);
  return out;
}

BatchResult batch_generate(const Model& model, const text::Tokenizer& tokenizer, Prompts prompts,
                           const AnswerOptions& answers, BatchGenerateOptions options) {
  return batch_generate(model, tokenizer, prompts, {&answers, 1}, std::move(options));
}

}  // namespace mica::lm
