#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "mica/lm/draft.h"
#include "mica/lm/model.h"
#include "mica/lm/ngram_drafter.h"
#include "mica/lm/running.h"

namespace mica::lm {

/// How an answer is drafted: tokens that are guessed and then checked in one step. The answer is the same as without.
struct SpeculationOptions {
  /// Most tokens at a time that repetition in the text may draft (prompt lookup), up to kMostDraftTokens; 0: none.
  int ngram_draft_tokens = 7;
  /// What drafts, too, such as a DraftModel, and most tokens at a time that it may. It must outlive the answer.
  Drafter* drafter = nullptr;
  int num_draft_tokens = 3;
  /// What the cache holds before the prompt: drafters read it, too. Must outlive the call.
  std::span<const int32_t> context;
};

/// Most tokens of a draft: steps of up to 8 tokens compute what steps of one token compute.
constexpr int64_t kMostDraftTokens = 7;

/// Throws Error naming the option that is out of range.
void check(const SpeculationOptions& options);

/// Decides, step by step, whether a draft is worth its time, by which drafter, and how long it should be: what a step
/// of so many tokens takes and how often drafts are right are measured on the way.
class Speculation {
 public:
  /// `model`, whose steps check the drafts, must outlive this. Throws Error for options out of range.
  Speculation(const Model& model, const SpeculationOptions& options);
  Speculation(const Speculation&) = delete;
  Speculation& operator=(const Speculation&) = delete;

  /// Begins with the text of a prompt; false when `interrupted` ended it.
  bool start(std::span<const int32_t> prompt, const std::function<bool()>& interrupted);

  /// The tokens that a step of the model reads: the answer's last one and a draft of what follows, or none. The cache
  /// holds `offset` tokens.
  std::span<const int32_t> next(const Answer& answer, int64_t offset);

  /// Waits for the result of the step, which was begun right after next(), and takes its time.
  void wait(array& result);

  /// Tells how many tokens of the step's draft were right.
  void checked(int64_t right);

  int64_t drafted_tokens() const { return drafted_; }
  int64_t accepted_tokens() const { return accepted_; }

 private:
  struct Source {
    Drafter* drafter;
    int64_t most;
  };
  struct Plan {
    Drafter* drafter = nullptr;
    int64_t count = 0;
  };
  Plan plan(int64_t offset, int64_t room) const;
  double step_seconds(int64_t tokens) const;
  bool has_same_ropes(int64_t offset, int64_t tokens) const;

  const Model* model_;
  SpeculationOptions options_;
  NgramDrafter ngrams_;
  std::vector<Source> sources_;
  /// Of steps of 1 … 8 tokens.
  std::array<RunningTime, kMostDraftTokens + 1> times_;
  std::vector<int32_t> tokens_;  ///< of the current step; none before the first
  Drafter* drafter_ = nullptr;   ///< that made its draft
  std::chrono::steady_clock::time_point begin_;
  int64_t told_ = 0;  ///< generated tokens that the drafters know
  int64_t drafted_ = 0;
  int64_t accepted_ = 0;
};

}  // namespace mica::lm
