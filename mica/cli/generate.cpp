#include "mica/lm/generate.h"

#include <cstdio>

#include <unistd.h>

#include "mica/base/error.h"
#include "mica/cli/command.h"
#include "mica/cli/sampling_flags.h"
#include "mica/cli/signals.h"
#include "mica/cli/speculation_flags.h"
#include "mica/lm/chat.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  SamplingFlags sampling;
  SpeculationFlags speculation;
  std::string prompt = "hello";
  std::string system_prompt;
  std::string template_kwargs;
  std::vector<std::string> stop;
  std::vector<std::string> extra_end;
  int max_tokens = 100;
  int chunk = 512;
  bool ignore_chat_template = false;
  std::string verbose = "true";
};

std::vector<int32_t> end_tokens(const std::vector<std::string>& names, const text::Tokenizer& tokenizer) {
  std::vector<int32_t> out;
  for (const std::string& name : names) {
    auto id = tokenizer.token_to_id(name);
    if (!id && !name.empty() && name.find_first_not_of("0123456789") == std::string::npos && name.size() < 10) {
      id = std::stoi(name);
    }
    if (!id) fail("--extra-eos-token {}: there is no such token", mica::quoted(name));
    out.push_back(*id);
  }
  return out;
}

void run(const Flags& flags) {
  const lm::LoadedModel loaded = flags.model.load();
  const text::Tokenizer tokenizer = text::Tokenizer::load(flags.model.path());
  const std::string prompt = flags.prompt == "-" ? read_stdin() : flags.prompt;
  std::vector<int32_t> tokens;
  const auto chat_template =
      flags.ignore_chat_template ? std::nullopt : lm::load_chat_template(flags.model.path(), tokenizer);
  if (!chat_template) {
    tokens = tokenizer.encode(prompt);
  } else {
    lm::Chat chat(tokenizer, *chat_template, flags.template_kwargs);
    if (!flags.system_prompt.empty()) chat.add("system", flags.system_prompt);
    chat.add("user", prompt);
    tokens = chat.tokens();
  }
  const Speculator speculator(flags.speculation, tokenizer, flags.model.exact);
  const InterruptGuard interrupt;
  lm::GenerateOptions options;
  options.max_tokens = flags.max_tokens;
  options.sampling = flags.sampling.options(tokenizer);
  options.logprobs = false;
  options.stop = flags.stop;
  options.extra_end_tokens = end_tokens(flags.extra_end, tokenizer);
  options.prefill_step_size = flags.chunk;
  options.speculation = speculator.options();
  options.interrupted = [&] { return interrupt.interrupted(); };
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  if (terminal && tokens.size() > 2048) {
    options.on_prefill = [](int64_t done, int64_t total) {
      std::fprintf(stderr, "\r%s", done < total ? fmt::format("prompt {}/{}", done, total).c_str() : "\033[K");
    };
  }
  lm::PromptCache cache = loaded.model.make_cache();
  const auto last = lm::stream_generate(loaded.model, tokenizer, tokens, cache, options, [](const auto& step) {
    std::fwrite(step.text.data(), 1, step.text.size(), stdout);
    if (!step.text.empty() && std::fflush(stdout) != 0) fail("cannot write to standard output");
  });
  std::fputc('\n', stdout);
  std::fflush(stdout);
  if (flags.verbose == "false" || flags.verbose == "f") return;
  fmt::print(stderr, "Prompt: {} tokens, {:.3f} tokens-per-sec\n", last.prompt_tokens, last.prompt_tps);
  fmt::print(stderr, "Generation: {} tokens, {:.3f} tokens-per-sec\n", last.generation_tokens, last.generation_tps);
  if (last.drafted_tokens > 0) {
    fmt::print(stderr, "Drafts: {} of {} tokens accepted\n", last.accepted_tokens, last.drafted_tokens);
  }
  fmt::print(stderr, "Peak memory: {:.3f} GB\n", static_cast<double>(peak_memory()) / 1e9);
}

}  // namespace

void add_generate(CLI::App& app) {
  CLI::App* command = app.add_subcommand("generate", "Answer a prompt");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command);
  flags->model.add_kv(*command, 5000);
  command->add_flag("--exact", flags->model.exact, "Compute with float32 activations instead of 8-bit ones");
  command->add_option("--prompt,-p", flags->prompt, "The prompt; - reads it from standard input")
      ->capture_default_str();
  command->add_option("--system-prompt", flags->system_prompt, "What the model is told before the prompt");
  command->add_option("--max-tokens,-n", flags->max_tokens, "Longest answer in tokens; -1 for no limit")
      ->check(CLI::Range(-1, 1 << 30))
      ->capture_default_str();
  flags->sampling.add(*command);
  flags->speculation.add(*command);
  command->add_option("--stop", flags->stop, "Text that ends the answer (can be given several times)");
  command->add_option("--extra-eos-token", flags->extra_end, "Token (its text or number) that ends the answer");
  command->add_flag("--ignore-chat-template", flags->ignore_chat_template, "Give the prompt to the model as it is");
  command->add_option("--chat-template-config", flags->template_kwargs,
                      "JSON object of variables for the chat template");
  command->add_option("--chunk", flags->chunk, "Prompt tokens that are processed at a time")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--verbose", flags->verbose, "false prints the text alone")->capture_default_str();
  command->footer(
      "Examples:\n"
      "  mica generate --prompt 'Why is the sky blue?'\n"
      "  mica generate --model ./Llama-3.2-1B-Instruct-4bit -p 'Write a haiku' --temp 0.7 --seed 1\n"
      "  git diff | mica generate --prompt - --system-prompt 'Summarize this change' --max-tokens 200");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
