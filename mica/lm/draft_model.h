#pragma once

#include <optional>
#include <vector>

#include "mica/lm/draft.h"
#include "mica/lm/model.h"
#include "mica/lm/running.h"
#include "mica/text/tokenizer.h"

namespace mica::lm {

/// A smaller model of the same vocabulary that guesses what the main one would say. It draws from its own logits as the
/// answer would from the main model's, with the same random numbers, so that like models choose alike. What it has read
/// stays in its cache from one text to the next.
class DraftModel : public Drafter {
 public:
  /// `model` must outlive this. Throws Error when its tokenizer and the main model's have different numbers of tokens.
  DraftModel(const Model& model, const text::Tokenizer& tokenizer, const text::Tokenizer& main);

  bool start(std::span<const int32_t> text, const std::function<bool()>& interrupted) override;
  void add(int32_t token) override;
  double chance(int64_t) const override { return rate_.value(); }
  double seconds(int64_t count) const override { return static_cast<double>(count) * step_time_.seconds(); }
  void draft(int64_t count, const Answer& answer, std::vector<int32_t>& out) override;
  void checked(int64_t count, int64_t right) override;

 private:
  void take_back();
  bool can_read(std::span<const int32_t> tokens) const;
  std::optional<array> read(std::span<const int32_t> tokens, const std::function<bool()>& interrupted);

  const Model* model_;
  int32_t vocab_size_;
  std::vector<int32_t> text_;
  /// The cache and its tokens: those of the text, as far as known at least `agreed_` of them, then those of a draft.
  PromptCache cache_;
  std::vector<int32_t> cached_;
  size_t agreed_ = 0;
  HitRate rate_{0.7};
  RunningTime step_time_;
};

}  // namespace mica::lm
