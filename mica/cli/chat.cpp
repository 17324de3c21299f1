#include <cstdio>
#include <iostream>
#include <optional>
#include <string>

#include <fmt/core.h>
#include <unistd.h>

#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/cli/chat_settings.h"
#include "mica/cli/command.h"
#include "mica/cli/conversation.h"
#include "mica/cli/line_editor.h"
#include "mica/cli/sampling_flags.h"
#include "mica/cli/signals.h"
#include "mica/cli/speculation_flags.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  ChatSettings settings;
  SpeculationFlags speculation;
  std::string system_prompt;
  std::string template_kwargs;
};

constexpr const char* kHelp =
    "/help             this list\n"
    "/reset            begin a new conversation\n"
    "/system TEXT      set the system prompt (nothing: none) and begin anew\n"
    "/set NAME VALUE   change a setting; /show lists them\n"
    "/show             show the settings\n"
    "/exit             leave (also /quit and Ctrl-D)\n"
    "A line that ends in \\ goes on with the next one (also Alt-Enter). A line that begins with // is a message that\n"
    "begins with /. Ctrl-C stops an answer.\n";

/// Control characters could do anything to a terminal; what a model writes is only text.
std::string without_controls(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)) out += c;
  }
  return out;
}

/// The loop of questions and answers, on a terminal or through pipes.
class ChatLoop {
 public:
  ChatLoop(Flags& flags, const lm::LoadedModel& loaded, text::Tokenizer tokenizer,
           const std::optional<text::ChatTemplate>& chat_template)
      : flags_(flags),
        loaded_(loaded),
        tokenizer_(tokenizer),
        speculator_(flags.speculation, tokenizer_, flags.model.exact),
        conversation_(loaded.model, std::move(tokenizer), chat_template, flags.template_kwargs) {
    conversation_.reset(flags_.system_prompt);
    if (::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) {
      editor_.emplace(History(home_folder() / "chat_history"));
    }
    dim_ = ::isatty(STDERR_FILENO) != 0;
    if (!chat_template) note("this model has no chat template: it continues your text instead of answering");
  }

  void run() {
    if (editor_) note(fmt::format("{}: /help lists the commands", flags_.model.path().filename().string()));
    while (const auto line = read()) {
      if (line->find_first_not_of(" \n") == std::string::npos) continue;
      try {
        if (!handle(*line)) break;
      } catch (const Error& error) {
        // A script wants to know; a person goes on.
        if (!editor_) throw;
        fmt::print(stderr, "mica: {}\n", error.what());
      }
    }
  }

 private:
  std::optional<std::string> read() {
    if (!editor_) {
      std::string text;
      std::string line;
      bool any = false;
      while (std::getline(std::cin, line)) {
        any = true;
        if (line.ends_with('\r')) line.pop_back();
        const bool goes_on = line.ends_with('\\');
        if (goes_on) line.back() = '\n';
        text += line;
        if (!goes_on) break;
      }
      return any ? std::optional(text) : std::nullopt;
    }
    while (true) {
      LineResult result = editor_->read(">>> ");
      if (result.end == LineResult::End::entered) {
        empty_interrupts_ = 0;
        return std::move(result.text);
      }
      if (result.end == LineResult::End::closed) return std::nullopt;
      empty_interrupts_ = result.text.empty() ? empty_interrupts_ + 1 : 0;
      if (empty_interrupts_ >= 2) note("press Ctrl-D or type /exit to leave");
    }
  }

  /// False: leave.
  bool handle(const std::string& line) {
    if (line.starts_with("//")) return say(line.substr(1)), true;
    if (line[0] != '/') return say(line), true;
    const size_t space = line.find_first_of(" \n");
    const std::string command = line.substr(0, space);
    const size_t rest = line.find_first_not_of(" \n", space);
    return obey(command, space == std::string::npos || rest == std::string::npos ? "" : line.substr(rest));
  }

  bool obey(const std::string& command, const std::string& argument) {
    if (command == "/exit" || command == "/quit") return false;
    if (command == "/help") {
      fmt::print(stderr, "{}", kHelp);
    } else if (command == "/reset") {
      conversation_.reset(flags_.system_prompt);
      note("a new conversation");
    } else if (command == "/system") {
      flags_.system_prompt = argument;
      conversation_.reset(argument);
      note(argument.empty() ? "a new conversation without a system prompt" : "a new conversation");
    } else if (command == "/set") {
      const size_t space = argument.find(' ');
      if (space == std::string::npos) fail("/set: give a name and a value, such as /set temp 0.7");
      flags_.settings.set(argument.substr(0, space), argument.substr(argument.find_first_not_of(' ', space)),
                          loaded_.model.description().vocab_size);
    } else if (command == "/show") {
      fmt::print(stderr, "{}{:<26}{}\n", flags_.settings.show(), "system", flags_.system_prompt);
    } else {
      fail("{} is no command; /help lists them", mica::quoted(command));
    }
    return true;
  }

  void say(const std::string& text) {
    lm::GenerateOptions options;
    options.max_tokens = flags_.settings.max_tokens;
    options.sampling = flags_.settings.sampling.options(tokenizer_);
    options.logprobs = false;
    options.speculation = speculator_.options();
    // On a terminal the editor does so: a Ctrl-C just behind Enter is meant for the answer.
    if (!editor_) interrupt_.reset();
    options.interrupted = [&] { return interrupt_.interrupted(); };
    const Turn turn = conversation_.answer(text, options, [&](const lm::GenerationStep& step) {
      const std::string shown = editor_ ? without_controls(step.text) : step.text;
      std::fwrite(shown.data(), 1, shown.size(), stdout);
      if (!shown.empty() && std::fflush(stdout) != 0) fail("cannot write to standard output");
    });
    std::fputc('\n', stdout);
    if (std::fflush(stdout) != 0) fail("cannot write to standard output");
    report(turn);
  }

  void report(const Turn& turn) const {
    const lm::GenerationStep& last = turn.last;
    const bool drafted = last.drafted_tokens > 0;
    note(fmt::format(
        "prompt {} new of {} tokens, {:.1f} tok/s; answer {} tokens, {:.1f} tok/s{}; peak memory {:.0f} MB{}",
        last.prompt_tokens, turn.total_tokens, last.prompt_tps, last.generation_tokens, last.generation_tps,
        drafted ? fmt::format(", {} of {} drafted accepted", last.accepted_tokens, last.drafted_tokens) : "",
        static_cast<double>(peak_memory()) / 1e6, last.finish_reason == "interrupted" ? "; stopped" : ""));
    if (turn.context_full) {
      note(fmt::format("the context of {} tokens is full; /reset begins a new conversation",
                       conversation_.context_length()));
    }
  }

  void note(const std::string& text) const {
    fmt::print(stderr, "{}[{}]{}\n", dim_ ? "\033[2m" : "", text, dim_ ? "\033[0m" : "");
  }

  Flags& flags_;
  const lm::LoadedModel& loaded_;
  text::Tokenizer tokenizer_;
  Speculator speculator_;
  Conversation conversation_;
  std::optional<LineEditor> editor_;
  // For the whole loop: Ctrl-C just after an answer's end must not end the program.
  InterruptGuard interrupt_;
  bool dim_ = false;
  int empty_interrupts_ = 0;
};

void run(Flags& flags) {
  const lm::LoadedModel loaded = flags.model.load();
  text::Tokenizer tokenizer = text::Tokenizer::load(flags.model.path());
  const auto chat_template = lm::load_chat_template(flags.model.path(), tokenizer);
  ChatLoop(flags, loaded, std::move(tokenizer), chat_template).run();
}

}  // namespace

void add_chat(CLI::App& app) {
  CLI::App* command = app.add_subcommand("chat", "Talk with a model");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command);
  flags->model.add_kv(*command, 5000);
  command->add_flag("--exact", flags->model.exact, "Compute with float32 activations instead of 8-bit ones");
  command->add_option("--system-prompt", flags->system_prompt, "What the model is told before the conversation");
  command->add_option("--max-tokens,-n", flags->settings.max_tokens, "Longest answer in tokens; -1 for no limit")
      ->check(CLI::Range(-1, 1 << 30))
      ->capture_default_str();
  flags->settings.sampling.add(*command);
  flags->speculation.add(*command);
  command->add_option("--chat-template-config", flags->template_kwargs,
                      "JSON object of variables for the chat template");
  command->footer(
      "On a terminal, /help lists the commands of a conversation. Through pipes each line of standard input\n"
      "is a message, answers go to standard output.\n"
      "Examples:\n"
      "  mica chat\n"
      "  mica chat --model ./Llama-3.2-1B-Instruct-4bit --temp 0.7 --system-prompt 'You are terse.'\n"
      "  printf 'My name is Ada.\\nWhat is my name?\\n' | mica chat");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
