#include "mica/cli/conversation.h"

#include <algorithm>

#include "mica/base/error.h"

namespace mica::cli {

Conversation::Conversation(const lm::Model& model, text::Tokenizer tokenizer,
                           const std::optional<text::ChatTemplate>& chat_template, std::string_view kwargs)
    : model_(&model), tokenizer_(std::move(tokenizer)), cache_(model.make_cache()) {
  if (chat_template) chat_.emplace(tokenizer_, *chat_template, kwargs);
}

void Conversation::reset(const std::string& system_prompt) {
  // The cache stays: what the new conversation shares with the old one (a system prompt) need not be read again.
  if (chat_) {
    chat_->clear();
    if (!system_prompt.empty()) chat_->add("system", system_prompt);
  } else {
    plain_ = system_prompt.empty() ? "" : system_prompt + "\n";
  }
}

std::vector<int32_t> Conversation::tokens_with(const std::string& text) {
  if (!chat_) {
    plain_before_ = plain_.size();
    plain_ += text;
    return tokenizer_.encode(plain_, {.parse_special = false});
  }
  chat_->add("user", text);
  try {
    return chat_->tokens();
  } catch (...) {
    forget_last();
    throw;
  }
}

void Conversation::forget_last() {
  if (chat_) {
    chat_->remove_last();
  } else {
    plain_.resize(plain_before_);
  }
}

size_t Conversation::reuse(const std::vector<int32_t>& tokens) {
  const auto differ = std::mismatch(tokens.begin(), tokens.end(), cached_.begin(), cached_.end()).first;
  // At least one token must be fed for there to be an answer.
  auto common = std::min(static_cast<size_t>(differ - tokens.begin()), tokens.size() - 1);
  if (!cache_.trim(cache_.offset() - static_cast<int64_t>(common))) {
    cache_ = model_->make_cache();
    common = 0;
  }
  cached_.resize(common);
  return common;
}

Turn Conversation::answer(const std::string& text, lm::GenerateOptions options,
                          const std::function<void(const lm::GenerationStep&)>& on_step) {
  const std::vector<int32_t> tokens = tokens_with(text);
  const int64_t room = context_length() - static_cast<int64_t>(tokens.size());
  if (room < 1 || tokens.empty()) {
    forget_last();
    if (tokens.empty()) fail("there is nothing to answer");
    fail("the conversation would have {} tokens, the model's context holds {}; /reset begins a new one", tokens.size(),
         context_length());
  }
  const bool shortened = options.max_tokens < 0 || options.max_tokens > room;
  if (shortened) options.max_tokens = static_cast<int>(room);
  Turn turn;
  turn.total_tokens = static_cast<int64_t>(tokens.size());
  std::string reply;
  std::vector<int32_t> fed = tokens;
  try {
    const size_t common = reuse(tokens);
    options.speculation.context = std::span(tokens).first(common);
    turn.last = lm::stream_generate(*model_, tokenizer_, std::span(tokens).subspan(common), cache_, options,
                                    [&](const lm::GenerationStep& step) {
                                      reply += step.text;
                                      fed.push_back(step.token);
                                      on_step(step);
                                    });
  } catch (...) {
    cache_ = model_->make_cache();
    cached_.clear();
    forget_last();
    throw;
  }
  fed.resize(static_cast<size_t>(cache_.offset()));
  cached_ = std::move(fed);
  turn.context_full = shortened && turn.last.finish_reason == "length";
  if (turn.last.generation_tokens == 0) {
    forget_last();
  } else if (chat_) {
    chat_->add("assistant", reply);
  } else {
    plain_ += reply + "\n";
  }
  return turn;
}

}  // namespace mica::cli
