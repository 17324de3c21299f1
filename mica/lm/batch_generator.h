#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mica/lm/answer.h"
#include "mica/lm/model.h"

namespace mica::lm {

/// How many sequences are worked on together.
struct BatchOptions {
  int completion_batch_size = 32;  ///< answers that grow together at most
  int prefill_batch_size = 8;      ///< prompts that are processed together at most
  int prefill_step_size = 512;     ///< prompt tokens that are processed between two steps of the answers
  /// Hand out the cache of a sequence with the last token of its answer: prompt and answer but for that token.
  bool return_caches = false;
};

/// What a step gives for one sequence.
struct BatchResponse {
  int64_t id = 0;
  /// Nothing when an answer ends without one: max_tokens 0, or removed.
  std::optional<SampledToken> token;
  std::string text;           ///< new text; may be empty while a character or a stop text is incomplete
  std::string finish_reason;  ///< "", or at the end "stop", "length", "interrupted"
  /// At the end, with return_caches.
  std::optional<PromptCache> cache;
};

/// Answers to many prompts, one token of each at a time. Sequences join at any step and leave when they end; each has
/// its own options, and its answer does not depend on the others (up to rounding in the order of float sums; where
/// caches change over to codes at a length, that of the longest sequence counts).
class BatchGenerator {
 public:
  /// Model and tokenizer must outlive it. Throws Error for sizes below 1.
  BatchGenerator(const Model& model, const text::Tokenizer& tokenizer, const BatchOptions& options = {});

  /// Puts a prompt, which follows what `cache` holds, in the queue: the number that its responses carry. Throws Error
  /// for an empty prompt, tokens outside of the vocabulary, options out of range and a cache of several sequences or
  /// of another model.
  int64_t insert(std::span<const int32_t> prompt, const AnswerOptions& options,
                 std::optional<PromptCache> cache = std::nullopt);

  /// Ends a sequence at once: what was held back of its text. Nothing when there is no such sequence (any more).
  std::optional<BatchResponse> remove(int64_t id);

  /// One token of each running sequence, and the first ones of those that have joined; the next step is computed while
  /// the caller looks at them. May be empty while a long prompt is processed. When it throws, the generator can't be
  /// used any more.
  std::vector<BatchResponse> next();

  /// Nothing is left to do.
  bool idle() const { return waiting_.empty() && !prefill_ && running_.empty(); }
  /// Sequences that grow now.
  int64_t running() const { return static_cast<int64_t>(running_.size()); }
  /// Seconds that next() has spent on prompts, the first tokens of the answers included.
  double prompt_seconds() const { return prompt_seconds_; }

 private:
  struct Sequence {
    int64_t id;
    Answer answer;
    std::optional<PromptCache> cache;  ///< what its prompt follows, until it is processed
    bool removed = false;              ///< leaves at the next step
  };
  /// Prompts that are being processed together.
  struct Prefill {
    std::vector<Sequence> sequences;
    PromptCache cache;
    bool alone;        ///< it follows what a cache held
    int64_t done = 0;  ///< tokens; between two steps only of a prompt by itself
  };

  void collect(std::vector<BatchResponse>& out);
  void dismiss_empty(std::vector<BatchResponse>& out);
  void admit(std::vector<BatchResponse>& out);
  void begin_prefill();
  bool fits(const Prefill& group, const Sequence& next) const;
  bool continue_prefill(Prefill& group, std::vector<BatchResponse>& out);
  void start_step();
  void take_tokens(array result, std::vector<Sequence>& sequences, PromptCache& cache,
                   std::vector<BatchResponse>& out) const;

  const Model& model_;
  const text::Tokenizer& tokenizer_;
  BatchOptions options_;
  int64_t next_id_ = 0;
  std::deque<Sequence> waiting_;
  std::optional<Prefill> prefill_;
  std::vector<Sequence> running_;
  PromptCache cache_;            ///< of the running sequences
  std::optional<array> result_;  ///< of their last tokens: logits, or what is most likely to follow
  double prompt_seconds_ = 0;
};

}  // namespace mica::lm
