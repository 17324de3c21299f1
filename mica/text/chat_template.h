#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mica/base/json.h"
#include "mica/text/jinja/template.h"
#include "mica/text/span.h"

namespace mica::text {

/// A rendered prompt.
struct Rendered {
  std::string text;
  /// Bytes that come from messages, tools, documents or arguments: text of control tokens in them is just text. Sorted,
  /// apart from each other.
  std::vector<Span> untrusted;
  /// Bytes that the template marks as the assistant's ({% generation %}), in order.
  std::vector<Span> generated;
};

/// Special tokens that a template may print: name ("bos_token") and text.
using SpecialTokens = std::vector<std::pair<std::string, std::string>>;

/// What a prompt is made from besides the messages.
struct RenderOptions {
  const Json* tools = nullptr;      ///< a list of JSON schemas
  const Json* documents = nullptr;  ///< a list of objects
  const Json* kwargs = nullptr;     ///< an object: more variables, such as enable_thinking
  bool add_generation_prompt = false;
  /// The prompt ends inside the last message, for the model to continue it. Not together with add_generation_prompt.
  bool continue_final_message = false;
  jinja::Settings settings;
};

/// A model's chat template: turns messages into the prompt that transformers' apply_chat_template gives, byte for byte.
/// Rendering does not change it, so threads may share one.
class ChatTemplate {
 public:
  /// One template. `name` (a file, say) starts its error messages.
  ChatTemplate(std::string_view source, std::string name, SpecialTokens special_tokens = {});

  /// Several templates by name: "tool_use", if there, is for calls with tools, "default" for the others.
  struct Source {
    std::string name;
    std::string text;
  };
  ChatTemplate(const std::vector<Source>& sources, const std::string& file, SpecialTokens special_tokens);

  /// The template of a model folder: chat_template.jinja (more of them in chat_templates/), else what
  /// tokenizer_config.json or chat_template.json says. Special tokens come from tokenizer_config.json and
  /// special_tokens_map.json. Throws Error when the folder has no template or a broken one.
  static ChatTemplate load(const std::filesystem::path& folder);
  /// Whether load() would find a template.
  static bool exists(const std::filesystem::path& folder);

  /// Renders `messages`, a list of objects. Throws Error naming the template and line when the template refuses the
  /// messages or a limit is reached.
  Rendered render(const Json& messages, const RenderOptions& options = {}) const;

  const SpecialTokens& special_tokens() const { return special_tokens_; }
  /// The text of the template that a call with (or without) tools uses.
  std::string_view source(bool with_tools) const { return chosen(with_tools).source; }

 private:
  struct Named {
    std::string name;
    std::string source;
    jinja::Template parsed;
  };
  const Named& chosen(bool with_tools) const;

  std::vector<Named> templates_;
  std::string file_;
  SpecialTokens special_tokens_;
};

}  // namespace mica::text
