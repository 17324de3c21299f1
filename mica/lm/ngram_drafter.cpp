#include "mica/lm/ngram_drafter.h"

#include <algorithm>
#include <bit>

namespace mica::lm {
namespace {

/// Occurrences that are compared, and tokens of each: what a step may cost is bounded.
constexpr int kMostOccurrences = 32;
constexpr int64_t kMostCompared = 32;

}  // namespace

bool NgramDrafter::start(std::span<const int32_t> text, const std::function<bool()>&) {
  *this = NgramDrafter();
  for (const int32_t token : text) append(token);
  return true;
}

void NgramDrafter::add(int32_t token) {
  if (match_ > 0) rates_[rate_of(match_)].add(text_[static_cast<size_t>(source_)] == token);
  append(token);
}

double NgramDrafter::chance(int64_t index) const {
  return match_ > 0 ? rates_[rate_of(match_ + index)].value() : 0;
}

void NgramDrafter::draft(int64_t count, const Answer&, std::vector<int32_t>& out) {
  if (match_ == 0) return;
  const auto begin = static_cast<int64_t>(out.size());
  const auto length = static_cast<int64_t>(text_.size());
  for (int64_t place = source_; place < source_ + count; ++place) {
    // A text that repeats itself goes on in the draft.
    out.push_back(place < length ? text_[static_cast<size_t>(place)]
                                 : out[static_cast<size_t>(begin + place - length)]);
  }
}

size_t NgramDrafter::rate_of(int64_t match) {
  return static_cast<size_t>(std::clamp(static_cast<int>(std::bit_width(static_cast<uint64_t>(match))), 2, 5)) - 2;
}

void NgramDrafter::append(int32_t token) {
  const bool right = match_ > 0 && text_[static_cast<size_t>(source_)] == token;
  text_.push_back(token);
  earlier_.resize(text_.size() + 1);
  int64_t candidate = 0;
  if (text_.size() >= 2) {
    const auto before = static_cast<uint32_t>(text_[text_.size() - 2]);
    int64_t& latest = latest_[uint64_t{before} << 32 | static_cast<uint32_t>(token)];
    candidate = latest;
    earlier_.back() = latest;
    latest = static_cast<int64_t>(text_.size());
  }
  if (right) {
    ++source_;
    ++match_;
  } else {
    find_source(candidate);
  }
}

/// Chooses among the places behind the pair of tokens at the end, from the latest one on.
void NgramDrafter::find_source(int64_t candidate) {
  match_ = 0;
  for (int i = 0; i < kMostOccurrences && candidate > 0; ++i) {
    const int64_t match = match_before(candidate);
    if (match > match_) {
      match_ = match;
      source_ = candidate;
    }
    candidate = earlier_[static_cast<size_t>(candidate)];
  }
}

/// Tokens before a place that are those at the end of the text.
int64_t NgramDrafter::match_before(int64_t place) const {
  const auto length = static_cast<int64_t>(text_.size());
  int64_t match = 0;
  while (match < kMostCompared && match < place &&
         text_[static_cast<size_t>(place - 1 - match)] == text_[static_cast<size_t>(length - 1 - match)]) {
    ++match;
  }
  return match;
}

}  // namespace mica::lm
