#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/log.h"
#include "mica/cli/command.h"
#include "mica/lm/chat.h"
#include "mica/lm/models/family.h"
#include "mica/lm/packed_weights.h"
#include "mica/lm/weights.h"

namespace mica::cli {
namespace {

struct Flags {
  ModelFlags model;
  bool json = false;
};

std::string quantization_of(const lm::Checkpoint& checkpoint) {
  const auto section = checkpoint.config.object("quantization");
  if (section) {
    return fmt::format("{} {} bits, groups of {}", section->text("mode", "affine"), section->integer("bits", 4),
                       section->integer("group_size", 64));
  }
  return checkpoint.weights.most_common_format();
}

/// Bytes that the keys and values of one token take, all layers together, in float16.
uint64_t kv_bytes_per_token(const lm::ModelDescription& model) {
  uint64_t sum = 0;
  for (const lm::LayerDescription& layer : model.layers) {
    sum += 2ull * 2 * static_cast<uint64_t>(layer.attention.num_kv_heads) *
           static_cast<uint64_t>(layer.attention.head_dim);
  }
  return sum;
}

/// What `read` gives, or null and a warning of why it gives nothing: the rest of the model is shown all the same.
template <typename Read>
Json if_readable(Read read) {
  try {
    return read();
  } catch (const std::exception& error) {
    log(LogLevel::warning, "{}", error.what());
    return nullptr;
  }
}

/// The file of packed weights beside the model.
Json packed_of(const std::filesystem::path& model, const lm::Weights& weights) {
  const std::filesystem::path path = lm::PackedWeights::default_path(model);
  if (!std::filesystem::exists(path)) return nullptr;
  const lm::PackedWeights packed(path, weights);
  return path.string();
}

Json tokenizer_of(const std::filesystem::path& model) {
  const text::Tokenizer tokenizer = text::Tokenizer::load(model);
  return {{"vocab_size", tokenizer.vocab_size()},
          {"chat_template", lm::load_chat_template(model, tokenizer).has_value()}};
}

void run(const Flags& flags) {
  const auto path = flags.model.path();
  const lm::Checkpoint checkpoint = lm::open_checkpoint(path);
  const lm::ModelDescription model = lm::describe(checkpoint.config);
  const Json tokenizer = if_readable([&] { return tokenizer_of(path); });
  const double bits = checkpoint.parameters == 0
                          ? 0.0
                          : 8.0 * static_cast<double>(checkpoint.bytes) / static_cast<double>(checkpoint.parameters);
  const Json out = {
      {"path", path.string()},
      {"format", checkpoint.format},
      {"architecture", model.model_type},
      {"parameters", checkpoint.parameters},
      {"bytes", checkpoint.bytes},
      {"bits_per_weight", bits},
      {"quantization", quantization_of(checkpoint)},
      {"num_layers", model.layers.size()},
      {"hidden_size", model.hidden_size},
      {"vocab_size", model.vocab_size},
      {"context_length", model.max_position_embeddings},
      {"tokenizer_vocab_size", tokenizer.is_null() ? Json() : tokenizer["vocab_size"]},
      {"chat_template", tokenizer.is_null() ? Json() : tokenizer["chat_template"]},
      {"packed", if_readable([&] { return packed_of(path, checkpoint.weights); })},
      {"kv_bytes_per_token", kv_bytes_per_token(model)},
      {"memory_bytes_at_4096_tokens", checkpoint.bytes + 4096 * kv_bytes_per_token(model)},
  };
  if (flags.json) {
    fmt::print("{}\n", out.dump(1));
    return;
  }
  for (const auto& [key, value] : out.items()) {
    fmt::print("{:<28} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

}  // namespace

void add_info(CLI::App& app) {
  CLI::App* command = app.add_subcommand("info", "Show what is in a model");
  auto flags = std::make_shared<Flags>();
  flags->model.add(*command, false);
  command->add_flag("--json", flags->json, "Print a JSON object, for programs");
  command->footer("Example:\n  mica info --model model.gguf");
  command->callback([flags] { run(*flags); });
}

}  // namespace mica::cli
