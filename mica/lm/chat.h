#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mica/text/tokenizer.h"

namespace mica::lm {

/// A conversation on its way to the model: messages, rendered by the model's chat template and tokenized. What users
/// wrote never turns into control tokens.
class Chat {
 public:
  /// Uses the tokenizer's chat template; throws Error when it has none. `kwargs`: a JSON object of variables for it.
  explicit Chat(const text::Tokenizer& tokenizer, std::string_view kwargs = "{}");
  ~Chat();
  Chat(Chat&&) noexcept;
  Chat& operator=(Chat&&) noexcept;

  void add(std::string_view role, std::string_view content);
  void clear();

  /// The tokens of the whole conversation, ending where the model is to answer.
  std::vector<int32_t> tokens() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mica::lm
