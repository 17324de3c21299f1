#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mica/lm/cache.h"
#include "mica/lm/description.h"
#include "mica/lm/weights.h"

namespace mica::lm {

/// How a model is loaded.
struct LoadOptions {
  /// int8: activations are rounded to 8 bits before integer products with quantized weights. exact: float32.
  Activation activation = Activation::int8;
  /// Of the caches that the model makes.
  KvOptions kv = {};
  /// Threads of the global pool that prompts are processed with, at most as many as it has; 0: as everything else.
  int prefill_threads = 0;
  /// A file of packed weights (pack_model) that must be of this model. Empty: the one beside the model is used, if
  /// there is one and it is of this model.
  std::filesystem::path packed = {};
};

/// A decoder language model, ready to run.
class Model {
 public:
  Model(ModelDescription description, Weights& weights, const LoadOptions& options);
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  const ModelDescription& description() const;

  /// Logits float32 of tokens int32 [B, T] that follow what the cache holds: [B, T, vocab], or [B, 1, vocab] of the
  /// last token only. Lazy: eval() computes. The cache is advanced.
  ///
  /// `counts` [B] is for sequences of different lengths: the first counts[b] (1 … T) tokens of sequence b belong to it,
  /// the rest fills up its row and leaves no trace in the cache. Empty: all do.
  array forward(const array& tokens, PromptCache& cache, bool last_only, std::span<const int64_t> counts = {}) const;

  /// The most likely token after each one: the first of argmax(forward(tokens, cache, false), -1), int32 [B, T]. Faster
  /// where the head is a large part of the model and has 8 bits: see linear_argmax. The cache is advanced.
  array most_likely(const array& tokens, PromptCache& cache) const;

  /// An empty cache; keys and values are kept in float16, in exact models in float32, or as LoadOptions::kv says.
  PromptCache make_cache() const;

  /// LoadOptions::prefill_threads.
  int prefill_threads() const;

 private:
  struct Layer;
  struct Parts;
  template <typename Step>
  array advance(const array& tokens, PromptCache& cache, std::span<const int64_t> counts, Step step) const;

  std::unique_ptr<Parts> parts_;
};

/// What is known about a loaded model besides itself.
struct ModelInfo {
  std::string format;
  uint64_t bytes = 0;
  uint64_t parameters = 0;
};

/// A model with its tokenizer.
struct LoadedModel {
  Model model;
  ModelInfo info;
};

/// The model of a checkpoint; every parameter must be one of its.
Model make_model(Checkpoint& checkpoint, const LoadOptions& options = {});

/// Loads a model folder or a GGUF file. Weights stay mapped: memory fills as they are first used.
LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options = {});

/// A model of the shape that a config.json describes, with made-up weights of `bits` (2 to 8 in groups of `group_size`,
/// or 16 for bfloat16): for measuring.
LoadedModel make_random_model(const std::filesystem::path& config, int bits, int group_size,
                              const LoadOptions& options = {});

}  // namespace mica::lm
