#include "mica/lm/perplexity.h"

#include <cmath>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/cli/command.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  std::string file;
  int context = 512;
  bool json = false;
};

void run(const Flags& flags) {
  const lm::LoadedModel loaded = flags.model.load();
  const text::Tokenizer tokenizer = text::Tokenizer::load(flags.model.path());
  const std::vector<int32_t> tokens = tokenizer.encode(read_file(flags.file, uint64_t{1} << 30));
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const lm::Perplexity result =
      lm::perplexity(loaded.model, tokens, flags.context, [&](int64_t done, int64_t total, double so_far) {
        if (terminal) fmt::print(stderr, "\r{}/{} windows, perplexity {:.4f} ", done, total, so_far);
      });
  if (terminal) fmt::print(stderr, "\r\033[K");
  if (flags.json) {
    const Json row = {{"perplexity", result.value},
                      {"stderr", result.standard_error},
                      {"tokens", result.tokens},
                      {"context", flags.context},
                      {"model", flags.model.path().filename().string()},
                      {"exact", flags.model.exact}};
    fmt::print("{}\n", row.dump(1));
  } else {
    fmt::print("Perplexity: {:.4f} ± {:.4f} over {} tokens in windows of {}\n", result.value, result.standard_error,
               result.tokens, flags.context);
  }
}

}  // namespace

void add_perplexity(CLI::App& app) {
  CLI::App* command = app.add_subcommand("perplexity", "Measure how well a model predicts a text");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command);
  flags->model.add_kv(*command, 0);
  command->add_option("--file,-f", flags->file, "The text, UTF-8")->required();
  command->add_option("--context,-c", flags->context, "Window length in tokens")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command->add_flag("--exact", flags->model.exact, "Compute with float32 activations instead of 8-bit ones");
  command->add_flag("--json", flags->json, "Print a JSON object, for programs");
  command->footer("Example:\n  mica perplexity --model model.gguf --file book.txt --context 512");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
