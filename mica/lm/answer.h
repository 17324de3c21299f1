#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mica/array/array.h"
#include "mica/lm/sampling.h"
#include "mica/lm/stop.h"
#include "mica/text/detokenizer.h"
#include "mica/text/tokenizer.h"

namespace mica::lm {

/// How one answer is chosen and when it ends.
struct AnswerOptions {
  int max_tokens = 256;  ///< −1: until the model ends
  SamplingOptions sampling;
  /// Whether tokens come with their log probabilities. Without, a greedy answer does not need all logits.
  bool logprobs = true;
  /// Texts that end the answer; they are not part of it.
  std::vector<std::string> stop;
  /// Tokens that end the answer besides the tokenizer's.
  std::vector<int32_t> extra_end_tokens;
};

/// One sequence's answer as it grows: its sampler, its tokens, its text and why it ended.
class Answer {
 public:
  /// Throws Error for an empty prompt, tokens outside of the vocabulary and sampling options out of range.
  Answer(const text::Tokenizer& tokenizer, std::span<const int32_t> prompt, const AnswerOptions& options,
         int vocab_size);

  /// Whether most likely tokens are all that sample() needs.
  bool is_greedy() const { return is_greedy_; }

  /// Chooses the token that follows history() from row `row` of what a step gave: logits float32 [..., vocab], which
  /// are changed, or the most likely tokens int32 [...], without log probabilities. Answers can be sampled in parallel.
  SampledToken sample(array& result, size_t row);

  /// What sample() draws with next.
  const Sampler& sampler() const { return sampler_; }

  /// Takes in the next token: the text that can be shown now. May end the answer.
  std::string add(int32_t token);

  /// Ends an answer that has not ended: the text that was held back.
  std::string interrupt();

  /// Prompt and answer.
  std::span<const int32_t> history() const { return history_; }
  int64_t prompt_tokens() const { return prompt_tokens_; }
  /// Tokens that the answer can still have; −1: any number.
  int64_t room() const { return max_tokens_ < 0 ? -1 : max_tokens_ - generated_tokens(); }
  int64_t generated_tokens() const { return static_cast<int64_t>(history_.size()) - prompt_tokens_; }

  /// "" while the answer goes on, then "stop", "length" or "interrupted"; "length" from the start with max_tokens 0.
  const std::string& finish_reason() const { return finish_reason_; }
  bool finished() const { return !finish_reason_.empty(); }

 private:
  std::string finish(const char* reason);

  int64_t max_tokens_;
  std::vector<int32_t> end_tokens_;
  std::vector<int32_t> history_;
  int64_t prompt_tokens_;
  Sampler sampler_;
  bool is_greedy_;
  StopMatcher stops_;
  text::Detokenizer detokenizer_;
  std::string finish_reason_;
};

/// Throws Error for an empty prompt or tokens outside of the vocabulary.
void check_prompt(std::span<const int32_t> prompt, int vocab_size);

}  // namespace mica::lm
