#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "mica/lm/logit_blocks.h"

namespace mica::lm {

/// How the next token is chosen from the logits. Meanings, order and defaults are mlx-lm's, except that everything is
/// computed in float32 and that penalties look at prompt and answer alike.
struct SamplingOptions {
  float temperature = 0.0f;  ///< 0: the most likely token, all filters off
  float top_p = 1.0f;        ///< keep the most likely tokens that together have this probability; 1 or 0: off
  float min_p = 0.0f;        ///< drop tokens less likely than this times the best one's probability
  int min_tokens_to_keep = 1;
  int top_k = 0;  ///< keep that many tokens; 0: off
  /// Exclude top choices (XTC): with this probability, of all tokens above the threshold only the least likely stays.
  float xtc_probability = 0.0f;
  float xtc_threshold = 0.1f;
  /// Tokens that XTC never drops: line breaks and end of text.
  std::vector<int32_t> xtc_special_tokens;

  /// Tokens of the last `…_context_size` ones: positive logits are divided by the penalty, negative multiplied. 0 and
  /// 1: off.
  float repetition_penalty = 0.0f;
  int repetition_context_size = 20;
  float presence_penalty = 0.0f;  ///< subtracted once for a token that is there
  int presence_context_size = 20;
  float frequency_penalty = 0.0f;  ///< subtracted for each time that it is there
  int frequency_context_size = 20;
  std::vector<std::pair<int32_t, float>> logit_bias;

  uint64_t seed = 0;
};

/// Whether the token chosen is always the first of the largest logits, which nothing else changes.
bool is_greedy(const SamplingOptions& options);

/// Throws Error naming the option (by its name here) that is out of range.
void check(const SamplingOptions& options, int vocab_size);

/// A token that was drawn.
struct SampledToken {
  int32_t id = 0;
  /// Log probability after penalties, before temperature and filters. NaN where nobody asked for it.
  float logprob = 0.0f;
};

/// Chooses tokens for one sequence; holds the state of its random numbers.
class Sampler {
 public:
  explicit Sampler(SamplingOptions options);

  /// Chooses from the logits, which are changed. `history`: prompt and answer so far.
  SampledToken sample(std::span<float> logits, std::span<const int32_t> history);

 private:
  struct Candidate {
    int32_t id;
    float logprob;
  };
  void apply_penalties(std::span<float> logits, std::span<const int32_t> history) const;
  bool filters() const;
  size_t draw_from_all(const LogitBlocks& logits);
  size_t draw_from(const std::vector<Candidate>& candidates);
  std::vector<Candidate> filter(const LogitBlocks& logits, float normalizer);
  static std::vector<Candidate> within(const LogitBlocks& logits, float normalizer, float range);
  static double rest_of(const std::vector<Candidate>& candidates);
  bool has_what_stays(const std::vector<Candidate>& candidates, float range) const;
  void keep_top_p(std::vector<Candidate>& candidates, double rest) const;
  void keep_min_p(std::vector<Candidate>& candidates) const;
  void exclude_top_choices(std::vector<Candidate>& candidates);
  double uniform();

  SamplingOptions options_;
  std::mt19937_64 random_;
};

}  // namespace mica::lm
