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
  bool compare = false;
  bool json = false;
};

Json values_of(const lm::Perplexity& result) {
  return {{"perplexity", result.value}, {"stderr", result.standard_error}, {"tokens", result.tokens}};
}

Json row_of(const Flags& flags, const lm::Perplexity& result) {
  Json row = values_of(result);
  row["context"] = flags.context;
  row["model"] = flags.model.path().filename().string();
  return row;
}

void print(const char* what, const lm::Perplexity& result, int context) {
  fmt::print("{}: {:.4f} ± {:.4f} over {} tokens in windows of {}\n", what, result.value, result.standard_error,
             result.tokens, context);
}

/// The default path beside the exact one.
void print(const Flags& flags, const lm::Divergence& result) {
  const double change = result.model.value / result.reference.value - 1;
  if (flags.json) {
    Json row = row_of(flags, result.model);
    row.update({{"reference", values_of(result.reference)},
                {"change", change},
                {"mean_kl", result.mean_kl},
                {"largest_kl", result.largest_kl},
                {"same_best", result.same_best}});
    return fmt::print("{}\n", row.dump(1));
  }
  print("Perplexity", result.model, flags.context);
  print("With --exact", result.reference, flags.context);
  fmt::print("Change: {:+.3f} %\nMean KL divergence: {:.5f}, largest {:.4f}\nSame most likely token: {:.2f} %\n",
             100 * change, result.mean_kl, result.largest_kl, 100 * result.same_best);
}

void run(const Flags& flags) {
  const lm::LoadedModel loaded = flags.model.load();
  const text::Tokenizer tokenizer = text::Tokenizer::load(flags.model.path());
  const std::vector<int32_t> tokens =
      tokenizer.encode(read_file(flags.file, uint64_t{1} << 30), {.add_special = false});
  lm::PerplexityWindows windows = {.context = flags.context};
  if (tokenizer.add_bos()) windows.start = tokenizer.bos();
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto on_progress = [&](int64_t done, int64_t total, double so_far) {
    if (terminal) fmt::print(stderr, "\r{}/{} windows, perplexity {:.4f} ", done, total, so_far);
    if (terminal && done == total) fmt::print(stderr, "\r\033[K");
  };
  if (flags.compare) {
    ModelFlags exact = flags.model;
    exact.exact = true;
    const lm::LoadedModel reference = exact.load();
    return print(flags, lm::divergence(loaded.model, reference.model, tokens, windows, on_progress));
  }
  const lm::Perplexity result = lm::perplexity(loaded.model, tokens, windows, on_progress);
  if (!flags.json) return print("Perplexity", result, flags.context);
  Json row = row_of(flags, result);
  row["exact"] = flags.model.exact;
  fmt::print("{}\n", row.dump(1));
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
  CLI::Option* exact =
      command->add_flag("--exact", flags->model.exact, "Compute with float32 activations instead of 8-bit ones");
  command
      ->add_flag("--compare-exact", flags->compare,
                 "Compute both ways, and show how far 8-bit activations are from --exact: perplexity, and the KL "
                 "divergence of the next token's distribution")
      ->excludes(exact);
  command->add_flag("--json", flags->json, "Print a JSON object, for programs");
  command->footer(
      "Examples:\n  mica perplexity --model model.gguf --file book.txt --context 512\n"
      "  mica perplexity --model model.gguf --file book.txt --compare-exact");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
