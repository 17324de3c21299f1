#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mica/lm/chat.h"
#include "mica/lm/generate.h"
#include "mica/lm/model.h"

namespace mica::cli {

/// What an answer took.
struct Turn {
  lm::GenerationStep last;   ///< its last step; prompt_tokens are those that the model had not seen yet
  int64_t total_tokens = 0;  ///< of the conversation that was answered
  bool context_full = false;
};

/// A conversation with a model that keeps what the model has read (keys and values) from turn to turn: only what is new
/// is processed. Without a chat template, turns are lines of plain text that the model continues.
class Conversation {
 public:
  /// `kwargs`: a JSON object of variables for the template, or "". `model` must outlive the conversation.
  Conversation(const lm::Model& model, text::Tokenizer tokenizer,
               const std::optional<text::ChatTemplate>& chat_template, std::string_view kwargs);

  /// Forgets everything; with a system prompt, if there is one, the conversation begins anew.
  void reset(const std::string& system_prompt);

  /// Answers `text`. An answer that was interrupted stays part of the conversation as far as it went; when it had not
  /// begun, or on an Error (a conversation that fills the context, among others), `text` is forgotten.
  Turn answer(const std::string& text, lm::GenerateOptions options,
              const std::function<void(const lm::GenerationStep&)>& on_step);

  int context_length() const { return model_->description().max_position_embeddings; }

 private:
  std::vector<int32_t> tokens_with(const std::string& text);
  void forget_last();
  /// Leaves in the cache what `tokens` begins with, but not all of them; how many those are.
  size_t reuse(const std::vector<int32_t>& tokens);

  const lm::Model* model_;
  text::Tokenizer tokenizer_;
  std::optional<lm::Chat> chat_;
  std::string plain_;        ///< the conversation so far, where there is no template
  size_t plain_before_ = 0;  ///< its length before the last text
  lm::PromptCache cache_;
  std::vector<int32_t> cached_;  ///< the tokens whose keys and values the cache holds
};

}  // namespace mica::cli
