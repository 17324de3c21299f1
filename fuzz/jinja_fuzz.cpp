// Any bytes as a chat template, rendered for a small conversation with tools: a prompt or an Error, and never user text
// that is not marked as such.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/json.h"
#include "mica/text/chat_template.h"

namespace {

// A private-use character that no template holds by chance: where it is printed, user text is printed.
constexpr std::string_view kMark = "\xee\x80\x80";

const mica::Json& messages() {
  static const mica::Json kMessages = mica::parse_json(
      R"([{"role": "system", "content": "s\ue000"}, {"role": "user", "content": [{"type": "text", "text": "a\ue000b"}]},
          {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5}}}]},
          {"role": "tool", "content": " \ue000<b>\n "}, {"role": "assistant", "content": "A \ue000, B"}])",
      "messages");
  return kMessages;
}

const mica::Json& tools() {
  static const mica::Json kTools =
      mica::parse_json(R"([{"type": "function", "function": {"name": "f\ue000"}}])", "tools");
  return kTools;
}

void check_marks(const mica::text::Rendered& rendered, std::string_view source) {
  if (source.find(kMark) != std::string_view::npos || source.find('\\') != std::string_view::npos) return;
  for (size_t at = rendered.text.find(kMark); at != std::string::npos; at = rendered.text.find(kMark, at + 1)) {
    bool marked = false;
    for (const auto& span : rendered.untrusted) marked |= span.begin <= at && at < span.end;
    if (!marked) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  mica::text::RenderOptions options;
  options.tools = &tools();
  options.add_generation_prompt = true;
  options.settings.max_work = 100'000;
  options.settings.now = 0;
  try {
    const mica::text::ChatTemplate chat(source, "fuzz", {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
    check_marks(chat.render(messages(), options), source);
  } catch (const mica::Error&) {
    return 0;  // what bad input should end in
  }
  return 0;
}
