#include "mica/lm/draft_model.h"

#include <algorithm>
#include <chrono>

#include "mica/base/error.h"
#include "mica/lm/generate.h"

namespace mica::lm {
namespace {

using Clock = std::chrono::steady_clock;

/// Tokens of a text that are read at a time.
constexpr int kPart = 512;

}  // namespace

DraftModel::DraftModel(const Model& model, const text::Tokenizer& tokenizer, const text::Tokenizer& main)
    : model_(&model),
      vocab_size_(std::min(main.vocab_size(), model.description().vocab_size)),
      cache_(model.make_cache()) {
  if (tokenizer.vocab_size() != main.vocab_size()) {
    fail("the draft model has a vocabulary of {} tokens, the model one of {}; they must be the same",
         tokenizer.vocab_size(), main.vocab_size());
  }
}

bool DraftModel::start(std::span<const int32_t> text, const std::function<bool()>& interrupted) {
  text_.assign(text.begin(), text.end());
  agreed_ = 0;
  take_back();
  const auto unread = std::span(text_).subspan(agreed_);
  return unread.empty() || !can_read(unread) || read(unread, interrupted).has_value();
}

void DraftModel::add(int32_t token) {
  text_.push_back(token);
  // Drafts that did not pay are tried again after a while.
  rate_.age();
}

void DraftModel::draft(int64_t count, const Answer& answer, std::vector<int32_t>& out) {
  take_back();
  std::vector<int32_t> unread(text_.begin() + static_cast<std::ptrdiff_t>(agreed_), text_.end());
  if (!can_read(unread)) return;
  Sampler sampler = answer.sampler();
  std::vector<int32_t> history(answer.history().begin(), answer.history().end());
  for (int64_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    std::optional<array> logits = read(unread, {});
    if (!logits) return;
    const int32_t token = sampler.sample({logits->data<float>(), logits->size()}, history).id;
    if (unread.size() == 1) step_time_.add(std::chrono::duration<double>(Clock::now() - start).count());
    if (token >= vocab_size_) return;
    out.push_back(token);
    history.push_back(token);
    unread = {token};
  }
}

void DraftModel::checked(int64_t count, int64_t right) {
  for (int64_t i = 0; i < right; ++i) rate_.add(true);
  if (right < count) rate_.add(false);
}

/// Trims the cache to the beginning that it shares with the text, without the text's last token, whose logits begin a
/// draft.
void DraftModel::take_back() {
  while (agreed_ < std::min(cached_.size(), text_.size()) && cached_[agreed_] == text_[agreed_]) ++agreed_;
  agreed_ = std::min(agreed_, text_.size() - std::min<size_t>(text_.size(), 1));
  // A window may have left behind what would be needed.
  if (!cache_.trim(static_cast<int64_t>(cached_.size() - agreed_))) {
    cache_ = model_->make_cache();
    agreed_ = 0;
  }
  cached_.resize(agreed_);
}

/// Embeddings can have more rows than there are tokens: the models may differ in those.
bool DraftModel::can_read(std::span<const int32_t> tokens) const {
  return std::all_of(tokens.begin(), tokens.end(), [&](int32_t token) { return token < vocab_size_; });
}

/// Logits after the tokens; nothing when interrupted.
std::optional<array> DraftModel::read(std::span<const int32_t> tokens, const std::function<bool()>& interrupted) {
  try {
    auto logits = prefill(*model_, tokens, cache_, kPart, {}, interrupted);
    const auto count = static_cast<size_t>(cache_.offset()) - cached_.size();
    cached_.insert(cached_.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count));
    return logits;
  } catch (...) {
    cache_ = model_->make_cache();
    cached_.clear();
    agreed_ = 0;
    throw;
  }
}

}  // namespace mica::lm
