#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/cli/command.h"
#include "mica/lm/chat.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  std::string file;
  std::string messages;
  std::string tools;
  std::string kwargs;
  std::string bos_token;
  std::string eos_token;
  bool add_generation_prompt = false;
  bool continue_final_message = false;
};

text::ChatTemplate chosen_template(const Flags& flags) {
  if (flags.file.empty()) {
    const auto path = flags.model.path();
    auto found = lm::load_chat_template(path, text::Tokenizer::load(path));
    if (!found) fail("{}: this model has no chat template", path.string());
    return std::move(*found);
  }
  if (!flags.model.model.empty()) fail("template: give either --template or --model");
  text::SpecialTokens special;
  if (!flags.bos_token.empty()) special.emplace_back("bos_token", flags.bos_token);
  if (!flags.eos_token.empty()) special.emplace_back("eos_token", flags.eos_token);
  return text::ChatTemplate(read_file(flags.file, uint64_t{16} << 20), flags.file, special);
}

void run(const Flags& flags) {
  const text::ChatTemplate chat_template = chosen_template(flags);
  const Json messages = load_json(flags.messages);
  const Json tools = flags.tools.empty() ? Json() : load_json(flags.tools);
  const Json kwargs = flags.kwargs.empty() ? Json() : parse_json(flags.kwargs, "--kwargs");
  text::RenderOptions options;
  if (!flags.tools.empty()) options.tools = &tools;
  if (!flags.kwargs.empty()) options.kwargs = &kwargs;
  options.add_generation_prompt = flags.add_generation_prompt;
  options.continue_final_message = flags.continue_final_message;
  const text::Rendered rendered = chat_template.render(messages, options);
  std::fwrite(rendered.text.data(), 1, rendered.text.size(), stdout);
}

}  // namespace

void add_template(CLI::App& app) {
  CLI::App* command = app.add_subcommand("template", "Show the prompt that a chat template makes of messages");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command, false);
  command->add_option("--template", flags->file, "A Jinja template file instead of a model's");
  command->add_option("--messages", flags->messages, "JSON file with a list of messages")->required();
  command->add_option("--tools", flags->tools, "JSON file with a list of tools");
  command->add_option("--kwargs", flags->kwargs, "JSON object of more variables");
  command->add_flag("--add-generation-prompt", flags->add_generation_prompt, "End where the model is to answer");
  command->add_flag("--continue-final-message", flags->continue_final_message, "End inside of the last message");
  command->add_option("--bos-token", flags->bos_token, "With --template: the token that begins a text");
  command->add_option("--eos-token", flags->eos_token, "With --template: the token that ends a text");
  command->footer("Example:\n  mica template --model model.gguf --messages chat.json --add-generation-prompt");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
