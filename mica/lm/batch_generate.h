#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mica/lm/batch_generator.h"

namespace mica::lm {

/// How many answers are generated together.
struct BatchGenerateOptions : BatchOptions {
  /// Prompts follow these, one for each; none: they stand for themselves.
  std::vector<PromptCache> prompt_caches;
  /// Called for each response; `id` is the number of the prompt.
  std::function<void(const BatchResponse&)> on_response;
  /// Asked between steps; true ends all answers where they are (finish_reason "interrupted").
  std::function<bool()> interrupted;
};

/// One of the answers of batch_generate.
struct BatchAnswer {
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;  ///< NaN where AnswerOptions::logprobs is off and they were not computed
  std::string finish_reason;
  std::optional<PromptCache> cache;  ///< with return_caches
};

/// What batch_generate has done, over all prompts.
struct BatchStats {
  int64_t prompt_tokens = 0;
  double prompt_time = 0;  ///< seconds; the first tokens of the answers included
  double prompt_tps = 0;
  int64_t generation_tokens = 0;
  double generation_time = 0;
  double generation_tps = 0;
  size_t peak_memory = 0;  ///< of arrays, in bytes, since the start of the program or reset_peak_memory()
};

struct BatchResult {
  std::vector<BatchAnswer> answers;  ///< in the order of the prompts
  BatchStats stats;
};

/// Answers to all prompts, many at a time (BatchGenerator). `answers`: options of each prompt's answer, or of all of
/// them. Throws Error for options of another number, and as BatchGenerator does; no prompts give no answers.
BatchResult batch_generate(const Model& model, const text::Tokenizer& tokenizer,
                           std::span<const std::vector<int32_t>> prompts, std::span<const AnswerOptions> answers,
                           BatchGenerateOptions options = {});

/// The same options for all prompts.
BatchResult batch_generate(const Model& model, const text::Tokenizer& tokenizer,
                           std::span<const std::vector<int32_t>> prompts, const AnswerOptions& answers = {},
                           BatchGenerateOptions options = {});

}  // namespace mica::lm
