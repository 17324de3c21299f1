#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mica/base/json.h"
#include "mica/text/chat_template.h"
#include "mica/text/tokenizer.h"

namespace mica::lm {

/// The chat template that belongs to a model folder or GGUF file, or nothing: a base model has none.
std::optional<text::ChatTemplate> load_chat_template(const std::filesystem::path& model,
                                                     const text::Tokenizer& tokenizer);

/// A conversation on its way to the model: messages, rendered by the model's chat template and tokenized. What users
/// wrote never turns into control tokens.
class Chat {
 public:
  /// `kwargs`: a JSON object of variables for the template ("" for none); throws Error when it is something else.
  Chat(text::Tokenizer tokenizer, text::ChatTemplate chat_template, std::string_view kwargs = "");
  ~Chat();
  Chat(Chat&&) noexcept;
  Chat& operator=(Chat&&) noexcept;

  void add(std::string_view role, std::string_view content);
  void remove_last();
  void clear();

  /// The tokens of the whole conversation, ending where the model is to answer.
  std::vector<int32_t> tokens() const;

 private:
  text::Tokenizer tokenizer_;
  text::ChatTemplate template_;
  std::unique_ptr<Json> kwargs_;
  std::unique_ptr<Json> messages_;
};

}  // namespace mica::lm
