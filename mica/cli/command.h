#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "mica/lm/model.h"
#include "mica/text/tokenizer.h"

namespace mica::cli {

// Each command adds itself to the program; its file has its name.
void add_generate(CLI::App& app);
void add_chat(CLI::App& app);
void add_bench(CLI::App& app);
void add_logits(CLI::App& app);
void add_perplexity(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_detokenize(CLI::App& app);
void add_template(CLI::App& app);
void add_info(CLI::App& app);
void add_pack(CLI::App& app);

/// Options that several commands share.
struct ModelFlags {
  std::string model;
  int threads = 0;
  int prefill_threads = 0;
  bool exact = false;
  std::string packed;
  lm::KvOptions kv;

  /// --model; --threads, --prefill-threads and --packed where the command computes.
  void add(CLI::App& command, bool computes = true);

  /// --kv-bits and what belongs to it; codes begin after `start` tokens by default.
  void add_kv(CLI::App& command, int64_t start);

  /// How the model is to be loaded.
  lm::LoadOptions load_options() const {
    return {exact ? Activation::exact : Activation::int8, kv, prefill_threads, packed};
  }

  /// The folder or file that --model means: a path, or a model in mica's model folder by its name. Without --model the
  /// default model, which `make run` or scripts/fetch_model.sh lays there. Throws Error telling what to do.
  std::filesystem::path path() const;

  /// Makes a pool of as many threads as --threads and --prefill-threads need, and limits it to the former.
  void set_threads() const;

  /// Sets the number of threads and loads the model.
  lm::LoadedModel load() const;
};

/// The folder or file of a model by its path, or by its name in mica's model folder; an Error naming the flag if there
/// is none.
std::filesystem::path find_model(const std::string& name, const char* flag);

/// Standard input to its end.
std::string read_stdin();

/// Peak memory of this process, in bytes.
size_t peak_memory();

}  // namespace mica::cli
