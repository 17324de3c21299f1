#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include "mica/lm/draft.h"
#include "mica/lm/running.h"

namespace mica::lm {

/// Prompt lookup: where the last tokens of the text have occurred before, what followed them there is the draft
/// (https://github.com/apoorvumang/prompt-lookup-decoding). The occurrence with the longest run of equal tokens is
/// taken, the latest of several. Each token is compared with what would have been guessed, drafted or not, so the
/// chances of a draft are known before there is one.
class NgramDrafter : public Drafter {
 public:
  bool start(std::span<const int32_t> text, const std::function<bool()>& interrupted) override;
  void add(int32_t token) override;
  double chance(int64_t index) const override;
  double seconds(int64_t) const override { return 0; }
  void draft(int64_t count, const Answer& answer, std::vector<int32_t>& out) override;
  void checked(int64_t, int64_t) override {}

 private:
  static size_t rate_of(int64_t match);
  void append(int32_t token);
  void find_source(int64_t candidate);
  int64_t match_before(int64_t place) const;

  std::vector<int32_t> text_;
  /// Behind the latest occurrence of each pair of tokens; and for each place that of the pair before it, behind the
  /// occurrence before that (0: none).
  std::unordered_map<uint64_t, int64_t> latest_;
  std::vector<int64_t> earlier_;
  /// The place whose token is guessed to follow, and how many tokens before it are those at the end; 0: no guess.
  int64_t source_ = 0;
  int64_t match_ = 0;
  /// How often the guess is right after matches of 2, 4, 8 and 16 tokens or more.
  std::array<HitRate, 4> rates_ = {HitRate(0.3), HitRate(0.6), HitRate(0.8), HitRate(0.9)};
};

}  // namespace mica::lm
