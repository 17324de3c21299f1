#include <cstdio>

#include <fmt/core.h>
#include <unistd.h>

#include "mica/cli/command.h"
#include "mica/cli/signals.h"
#include "mica/lm/packed_weights.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  std::string output;
};

void run(const Flags& flags) {
  const InterruptGuard interrupt;
  lm::PackOptions options;
  options.output = flags.output;
  options.interrupted = [&] { return interrupt.interrupted(); };
  if (::isatty(STDERR_FILENO) != 0) {
    options.on_progress = [](uint64_t done, uint64_t total) {
      std::fprintf(stderr, "\r%s", done < total ? fmt::format("{} %", 100 * done / total).c_str() : "\033[K");
    };
  }
  const lm::PackedModel packed = lm::pack_model(flags.model.path(), options);
  fmt::print("{}: {:.3f} GB\n", packed.path.string(), static_cast<double>(packed.bytes) / 1e9);
}

}  // namespace

void add_pack(CLI::App& app) {
  CLI::App* command = app.add_subcommand("pack", "Keep a model's packed weights in a file beside it");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command, false);
  command->add_option("--output,-o", flags->output,
                      "The file to write (default: MODEL.gguf.packed, or packed.mica in the model's folder)");
  command->footer(
      "Weights are packed for the processor when a model is started. With a file of packed weights, about as large as\n"
      "the model, a start maps that instead: large models answer seconds sooner, and programs that run the same model\n"
      "share its memory. Other commands find the file beside the model; --packed FILE names another. It may be\n"
      "deleted at any time.\n\n"
      "Examples:\n"
      "  mica pack --model Llama-3.1-8B-Instruct-Q4_K_M.gguf\n"
      "  mica pack --model ./Llama-3.2-1B-Instruct-4bit --output /fast/llama.packed");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
