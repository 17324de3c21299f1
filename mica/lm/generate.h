#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "mica/lm/answer.h"
#include "mica/lm/model.h"
#include "mica/lm/speculate.h"
#include "mica/text/tokenizer.h"

namespace mica::lm {

/// How text is generated.
struct GenerateOptions : AnswerOptions {
  /// Tokens of a prompt that are processed at a time.
  int prefill_step_size = 512;
  /// Called after each part of the prompt: tokens done, tokens in all.
  std::function<void(int64_t, int64_t)> on_prefill;
  /// Asked between steps and between parts of the prompt; true ends the answer where it is (finish_reason
  /// "interrupted"). The cache then holds what was processed, see PromptCache::offset().
  std::function<bool()> interrupted;
  SpeculationOptions speculation;
};

/// What stream_generate hands out for each token.
struct GenerationStep {
  std::string text;  ///< new text; may be empty while a character or a stop text is incomplete
  int32_t token = 0;
  float logprob = 0.0f;     ///< NaN where AnswerOptions::logprobs is off and it was not computed
  bool from_draft = false;  ///< the token was guessed, and was right
  int64_t prompt_tokens = 0;
  double prompt_tps = 0;  ///< prompt tokens a second, the first answer token included
  int64_t generation_tokens = 0;
  double generation_tps = 0;
  int64_t drafted_tokens = 0;   ///< tokens that were guessed up to the step of the model that this token is from
  int64_t accepted_tokens = 0;  ///< those of them that were right
  std::string finish_reason;    ///< "", or at the last step "stop", "length", "interrupted"
};

/// Processes the prompt (which follows what the cache holds) and calls on_step for each token of the answer; the next
/// step is computed while on_step runs. A step may check several drafted tokens: they are handed out one after another,
/// and are those that steps of one token would give. Returns the last step. The cache then holds prompt and answer
/// without its last token, or part of the prompt when that was interrupted (there are no steps then). Throws Error for
/// an empty prompt or token ids outside of the vocabulary.
GenerationStep stream_generate(const Model& model, const text::Tokenizer& tokenizer, std::span<const int32_t> prompt,
                               PromptCache& cache, const GenerateOptions& options,
                               const std::function<void(const GenerationStep&)>& on_step);

/// The whole answer to a prompt in a fresh cache.
std::string generate(const Model& model, const text::Tokenizer& tokenizer, std::span<const int32_t> prompt,
                     const GenerateOptions& options = {});

/// Runs tokens through the model in parts of `step` and evaluates; logits of the last token, [vocab]. Nothing when
/// `interrupted` says so between two parts: the cache then holds those before.
std::optional<array> prefill(const Model& model, std::span<const int32_t> tokens, PromptCache& cache, int step,
                             const std::function<void(int64_t, int64_t)>& on_progress = {},
                             const std::function<bool()>& interrupted = {});

}  // namespace mica::lm
