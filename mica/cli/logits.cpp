#include <cstdlib>
#include <sstream>

#include "mica/array/evaluate.h"
#include "mica/base/error.h"
#include "mica/cli/command.h"
#include "mica/cli/token_list.h"
#include "mica/io/npy.h"
#include "mica/ops/shape.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  std::string tokens;
  std::string output;
  int chunk = 0;
  bool fast = false;
};

void run(Flags flags) {
  flags.model.exact = !flags.fast;
  const lm::LoadedModel loaded = flags.model.load();
  const int vocab_size = loaded.model.description().vocab_size;
  const std::vector<int32_t> tokens = parse_tokens(flags.tokens, vocab_size);
  const size_t step = flags.chunk > 0 ? static_cast<size_t>(flags.chunk) : tokens.size();
  lm::PromptCache cache = loaded.model.make_cache();
  std::vector<float> all;
  for (size_t begin = 0; begin < tokens.size(); begin += step) {
    const size_t count = std::min(step, tokens.size() - begin);
    const array input(tokens.data() + begin, Shape{1, static_cast<ShapeElem>(count)}, int32);
    array logits = contiguous(loaded.model.forward(input, cache, false));
    logits.eval();
    all.insert(all.end(), logits.data<float>(), logits.data<float>() + logits.size());
  }
  const int64_t shape[] = {static_cast<int64_t>(tokens.size()), vocab_size};
  write_npy(flags.output, StorageType::f32, shape, std::as_bytes(std::span(all)));
}

}  // namespace

std::vector<int32_t> parse_tokens(const std::string& text, int vocab_size) {
  std::vector<int32_t> out;
  std::string separated = text;
  for (char& c : separated) {
    if (c == ',' || c == '[' || c == ']') c = ' ';
  }
  std::istringstream words(separated);
  for (std::string word; words >> word;) {
    char* end = nullptr;
    const int64_t id = std::strtoll(word.c_str(), &end, 10);
    if (*end != '\0') fail("--tokens: {} is not a token number", mica::quoted(word));
    if (id < 0 || id >= vocab_size) fail("--tokens: token {} is outside of the vocabulary of {}", word, vocab_size);
    out.push_back(static_cast<int32_t>(id));
  }
  if (out.empty()) fail("--tokens: give at least one token number");
  return out;
}

void add_logits(CLI::App& app) {
  CLI::App* command = app.add_subcommand("logits", "Write a model's logits for given tokens to a .npy file");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command);
  flags->model.add_kv(*command, 0);
  command->add_option("--tokens", flags->tokens, "Token numbers, separated by spaces or commas")->required();
  command->add_option("--output,-o", flags->output, "The file: float32 [tokens, vocabulary]")->required();
  command
      ->add_option("--chunk", flags->chunk, "Feed that many tokens at a time through the cache (default: all at once)")
      ->check(CLI::Range(1, 1 << 20));
  command->add_flag("--fast", flags->fast, "Compute with 8-bit activations, as generate does");
  command->footer("Example:\n  mica logits --model model.gguf --tokens '1 2 3' --output logits.npy --chunk 1");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
