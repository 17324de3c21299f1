#include "mica/lm/answer.h"

#include <algorithm>
#include <limits>

#include "mica/base/error.h"

namespace mica::lm {

void check_prompt(std::span<const int32_t> prompt, int vocab_size) {
  if (prompt.empty()) fail("the prompt is empty; give at least one token");
  for (const int32_t token : prompt) {
    if (token < 0 || token >= vocab_size)
      fail("the prompt has token {}, the vocabulary ends at {}", token, vocab_size - 1);
  }
}

Answer::Answer(const text::Tokenizer& tokenizer, std::span<const int32_t> prompt, const AnswerOptions& options,
               int vocab_size)
    : max_tokens_(options.max_tokens),
      end_tokens_(options.extra_end_tokens),
      history_(prompt.begin(), prompt.end()),
      prompt_tokens_(static_cast<int64_t>(prompt.size())),
      sampler_(options.sampling),
      is_greedy_(!options.logprobs && lm::is_greedy(options.sampling)),
      stops_(options.stop),
      detokenizer_(tokenizer, true) {
  check(options.sampling, vocab_size);
  check_prompt(prompt, vocab_size);
  end_tokens_.insert(end_tokens_.end(), tokenizer.end_tokens().begin(), tokenizer.end_tokens().end());
  if (max_tokens_ == 0) finish_reason_ = "length";
}

SampledToken Answer::sample(array& result, size_t row) {
  if (result.dtype() == int32) return {result.data<int32_t>()[row], std::numeric_limits<float>::quiet_NaN()};
  const auto vocab = static_cast<size_t>(result.shape(-1));
  return sampler_.sample({result.data<float>() + row * vocab, vocab}, history_);
}

std::string Answer::add(int32_t token) {
  history_.push_back(token);
  if (std::find(end_tokens_.begin(), end_tokens_.end(), token) != end_tokens_.end()) return finish("stop");
  std::string text = stops_.add(detokenizer_.add(token));
  if (stops_.stopped()) {
    finish_reason_ = "stop";
  } else if (max_tokens_ > 0 && generated_tokens() >= max_tokens_) {
    text += finish("length");
  }
  return text;
}

std::string Answer::interrupt() {
  return finished() ? std::string() : finish("interrupted");
}

std::string Answer::finish(const char* reason) {
  finish_reason_ = reason;
  std::string text = stops_.add(detokenizer_.finish());
  if (!stops_.stopped()) text += stops_.finish();
  return text;
}

}  // namespace mica::lm
