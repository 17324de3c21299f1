#include <fmt/core.h>
#include <fmt/format.h>

#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/cli/command.h"
#include "mica/cli/token_list.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  std::string text;
  std::string file;
  std::string tokens;
  bool no_special = false;
  bool has_text = false;
};

void tokenize(const Flags& flags) {
  if (flags.has_text == !flags.file.empty()) fail("tokenize: give either --text or --file");
  const text::Tokenizer tokenizer = text::Tokenizer::load(flags.model.path());
  const std::string text = flags.has_text ? flags.text : read_file(flags.file, uint64_t{1} << 30);
  const std::vector<int32_t> ids = tokenizer.encode(text, {.add_special = !flags.no_special});
  fmt::print("[{}]\n", fmt::join(ids, ", "));
}

void detokenize(const Flags& flags) {
  const text::Tokenizer tokenizer = text::Tokenizer::load(flags.model.path());
  const std::string text = tokenizer.decode(parse_tokens(flags.tokens, tokenizer.vocab_size()));
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

void add_tokenize(CLI::App& app) {
  CLI::App* command = app.add_subcommand("tokenize", "Show the tokens of a text as a JSON list");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command, false);
  CLI::Option* text = command->add_option("--text", flags->text, "The text");
  command->add_option("--file", flags->file, "A file with the text");
  command->add_flag("--no-special", flags->no_special, "Leave out the tokens that are put around a text");
  command->footer(
      "Examples:\n  mica tokenize --model model.gguf --text 'Hello, world'\n"
      "  mica tokenize --model tokenizer.json --file book.txt --no-special");
  command->callback([flags, text] {
    flags->has_text = text->count() > 0;
    tokenize(*flags);
  });
}

void add_detokenize(CLI::App& app) {
  CLI::App* command = app.add_subcommand("detokenize", "Show the text of tokens");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command, false);
  command->add_option("--tokens", flags->tokens, "Token numbers, separated by spaces or commas")->required();
  command->footer("Example:\n  mica detokenize --model model.gguf --tokens '19556 28 905'");
  command->callback([flags] { detokenize(*flags); });
}

}  // namespace mica::cli
