#include "mica/text/chat_template.h"

#include <algorithm>
#include <array>
#include <optional>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/text/jinja/characters.h"
#include "mica/text/jinja/from_json.h"

namespace mica::text {
namespace {

constexpr std::string_view kContinueTag = "CONTINUE_FINAL_MESSAGE_TAG ";
constexpr std::array<const char*, 3> kReasoningFields = {"reasoning_content", "thinking", "reasoning"};
constexpr std::array<std::string_view, 4> kReserved = {"messages", "tools", "documents", "add_generation_prompt"};

/// transformers gives templates a message's reasoning under the names that they read, whichever it came with.
Json with_reasoning_names(const Json& message) {
  for (const char* const field : kReasoningFields) {
    const auto found = message.find(field);
    if (found == message.end() || found->is_null()) continue;
    Json out = Json::object();
    out["thinking"] = *found;
    for (const auto& [key, value] : message.items()) out[key] = value;
    out["reasoning_content"] = *found;
    return out;
  }
  return message;
}

Json prepared(const Json& messages, const std::string& file) {
  if (!messages.is_array()) fail("{}: messages must be a list", file);
  Json out = Json::array();
  for (const Json& message : messages) {
    if (!message.is_object()) fail("{}: message {} is not an object", file, out.size());
    out.push_back(with_reasoning_names(message));
  }
  return out;
}

/// Marks the end of the last message's text, so that the prompt can be cut there. Returns that text.
std::string mark_final_message(Json& messages, const std::string& file) {
  if (messages.empty()) fail("{}: there is no message to continue", file);
  Json& message = messages.back();
  const auto content = message.find("content");
  if (content == message.end() || content->is_null()) fail("{}: the last message has no content to continue", file);
  Json* text = nullptr;
  if (content->is_string()) text = &*content;
  if (content->is_array()) {
    const auto part = std::find_if(content->rbegin(), content->rend(),
                                   [](const Json& p) { return p.is_object() && p.contains("text"); });
    if (part != content->rend()) text = &(*part)["text"];
  }
  if (!text || !text->is_string()) fail("{}: the last message has no text to continue", file);
  std::string original = text->get<std::string>();
  *text = original + std::string(kContinueTag);
  return original;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(jinja::leading_space(text));
  return text.substr(0, text.size() - jinja::trailing_space(text));
}

void cut(std::vector<Span>& spans, size_t size) {
  for (Span& span : spans) span.end = std::min(span.end, size);
  std::erase_if(spans, [](const Span& span) { return span.begin >= span.end; });
}

/// Ends the prompt where the last message's own text ends.
void cut_at_tag(Rendered& rendered, const std::string& final_message, const std::string& file) {
  const std::string_view tag = trimmed(kContinueTag);
  const size_t at = rendered.text.rfind(tag);
  if (at == std::string::npos || rendered.text.find(trimmed(final_message)) == std::string::npos) {
    fail("{}: the last message cannot be continued, because the template does not print it as it is", file);
  }
  const bool exact = rendered.text.compare(at, kContinueTag.size(), kContinueTag) == 0;
  rendered.text.resize(at);
  if (!exact) rendered.text.resize(at - jinja::trailing_space(rendered.text));
  cut(rendered.untrusted, rendered.text.size());
  cut(rendered.generated, rendered.text.size());
}

void require_objects(const Json* list, std::string_view what, const std::string& file) {
  if (!list || list->is_null()) return;
  const bool good = list->is_array() && std::ranges::all_of(*list, [](const Json& item) { return item.is_object(); });
  if (!good) fail("{}: {} must be a list of objects", file, what);
}

jinja::Dict variables_of(const Json& messages, const RenderOptions& options, const SpecialTokens& special_tokens,
                         const std::string& file) {
  jinja::Dict out;
  for (const auto& [name, text] : special_tokens) out.set(name, jinja::Value::string(text));
  if (options.kwargs && !options.kwargs->is_null()) {
    if (!options.kwargs->is_object()) fail("{}: template arguments must be an object", file);
    for (const auto& [name, value] : options.kwargs->items()) {
      if (std::ranges::find(kReserved, name) != kReserved.end())
        fail("{}: '{}' cannot be a template argument", file, name);
      out.set(name, jinja::from_json(value));
    }
  }
  const auto optional = [](const Json* json) { return json ? jinja::from_json(*json) : jinja::Value::none(); };
  out.set("messages", jinja::from_json(messages));
  out.set("tools", optional(options.tools));
  out.set("documents", optional(options.documents));
  out.set("add_generation_prompt", jinja::Value::boolean(options.add_generation_prompt));
  return out;
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view source, std::string name, SpecialTokens special_tokens)
    : file_(std::move(name)), special_tokens_(std::move(special_tokens)) {
  templates_.push_back({"default", std::string(source), jinja::Template(source, file_)});
}

ChatTemplate::ChatTemplate(const std::vector<Source>& sources, const std::string& file, SpecialTokens special_tokens)
    : file_(file), special_tokens_(std::move(special_tokens)) {
  for (const Source& source : sources) {
    const std::string name = sources.size() == 1 ? file : file + " (" + source.name + ")";
    templates_.push_back({source.name, source.text, jinja::Template(source.text, name)});
  }
  if (templates_.empty()) fail("{}: no chat template", file);
}

const ChatTemplate::Named& ChatTemplate::chosen(bool with_tools) const {
  const auto find = [&](std::string_view name) { return std::ranges::find(templates_, name, &Named::name); };
  auto found = with_tools ? find("tool_use") : templates_.end();
  if (found == templates_.end()) found = find("default");
  if (found == templates_.end()) fail("{}: several chat templates, none of them named default", file_);
  return *found;
}

Rendered ChatTemplate::render(const Json& messages, const RenderOptions& options) const {
  if (options.continue_final_message && options.add_generation_prompt) {
    fail("{}: a prompt cannot both continue the last message and ask for a new one", file_);
  }
  require_objects(options.tools, "tools", file_);
  require_objects(options.documents, "documents", file_);
  Json prepared_messages = prepared(messages, file_);
  std::string final_message;
  if (options.continue_final_message) final_message = mark_final_message(prepared_messages, file_);
  std::optional<jinja::Dict> variables;
  try {
    variables = variables_of(prepared_messages, options, special_tokens_, file_);
  } catch (const jinja::Failure& failure) {
    fail("{}: the messages or tools hold {}", file_, failure.what());
  }
  const bool with_tools = options.tools && !options.tools->is_null();
  jinja::Output output = chosen(with_tools).parsed.render(*variables, options.settings);
  Rendered out{output.text.bytes(), output.text.untrusted(), std::move(output.generated)};
  if (options.continue_final_message) cut_at_tag(out, final_message, file_);
  return out;
}

}  // namespace mica::text
