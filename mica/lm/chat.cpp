#include "mica/lm/chat.h"

#include <nlohmann/json.hpp>

#include "mica/base/error.h"

namespace mica::lm {

std::optional<text::ChatTemplate> load_chat_template(const std::filesystem::path& model,
                                                     const text::Tokenizer& tokenizer) {
  if (std::filesystem::is_directory(model)) {
    if (!text::ChatTemplate::exists(model)) return std::nullopt;
    return text::ChatTemplate::load(model);
  }
  if (tokenizer.chat_templates().empty()) return std::nullopt;
  text::SpecialTokens special;
  const auto add = [&](const char* name, std::optional<int32_t> id) {
    if (id) special.emplace_back(name, tokenizer.id_to_token(*id));
  };
  add("bos_token", tokenizer.bos());
  add("eos_token", tokenizer.eos());
  add("unk_token", tokenizer.unk());
  add("pad_token", tokenizer.pad());
  std::vector<text::ChatTemplate::Source> sources;
  for (const auto& [name, source] : tokenizer.chat_templates()) sources.push_back({name, source});
  return text::ChatTemplate(sources, model.string(), special);
}

Chat::Chat(text::Tokenizer tokenizer, text::ChatTemplate chat_template, std::string_view kwargs)
    : tokenizer_(std::move(tokenizer)),
      template_(std::move(chat_template)),
      kwargs_(std::make_unique<Json>(kwargs.empty() ? Json::object() : parse_json(kwargs, "chat template variables"))),
      messages_(std::make_unique<Json>(Json::array())) {
  if (!kwargs_->is_object()) fail("chat template variables: must be a JSON object");
}
Chat::~Chat() = default;
Chat::Chat(Chat&&) noexcept = default;
Chat& Chat::operator=(Chat&&) noexcept = default;

void Chat::add(std::string_view role, std::string_view content) {
  messages_->push_back({{"role", std::string(role)}, {"content", std::string(content)}});
}

void Chat::remove_last() {
  if (!messages_->empty()) messages_->erase(messages_->end() - 1);
}

void Chat::clear() {
  messages_->clear();
}

std::vector<int32_t> Chat::tokens() const {
  text::RenderOptions options;
  options.kwargs = kwargs_.get();
  options.add_generation_prompt = true;
  const text::Rendered prompt = template_.render(*messages_, options);
  // The template writes the tokens around a text itself.
  return tokenizer_.encode(prompt.text, {.add_special = false, .parse_special = true, .untrusted = prompt.untrusted});
}

}  // namespace mica::lm
