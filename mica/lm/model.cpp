#include "mica/lm/model.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <variant>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/log.h"
#include "mica/lm/blocks/attention.h"
#include "mica/lm/blocks/basic.h"
#include "mica/lm/blocks/mlp.h"
#include "mica/lm/models/family.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/linear.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "mica/transforms/compile.h"

namespace mica::lm {

namespace {

bool all_equal(std::span<const int64_t> numbers) {
  return std::adjacent_find(numbers.begin(), numbers.end(), std::not_equal_to<>()) == numbers.end();
}

}  // namespace

/// One decoder layer: attention and MLP, each with its norms and residual.
struct Model::Layer {
  Layer(Weights& weights, const std::string& path, const ModelDescription& model, const LayerDescription& layer,
        size_t window_index, Activation activation)
      : window(window_index),
        attention(weights, path + ".self_attn", model, layer.attention, activation),
        mlp(make_mlp(weights, path + ".mlp", model, layer, activation)) {
    const auto norm = [&](std::optional<NormBlock>& block, const char* name) {
      block.emplace(weights, path + "." + name, model.hidden_size, model);
    };
    const bool before = model.placement != NormPlacement::after;
    const bool after = model.placement != NormPlacement::before;
    if (before) norm(before_attention, "input_layernorm");
    // "post attention" is the MLP's own norm where there are only two of them.
    if (before) norm(before_mlp, after ? "pre_feedforward_layernorm" : "post_attention_layernorm");
    if (after) norm(after_attention, "post_attention_layernorm");
    if (after) norm(after_mlp, "post_feedforward_layernorm");
  }

  static std::variant<MlpBlock, MoeBlock> make_mlp(Weights& weights, const std::string& path,
                                                   const ModelDescription& model, const LayerDescription& layer,
                                                   Activation activation) {
    if (layer.moe) return MoeBlock(weights, path, model, *layer.moe, layer.mlp.activation, activation);
    return MlpBlock(weights, path, model, layer.mlp, activation);
  }

  /// h [B, T, hidden] → [B, T, hidden], or [B, 1, hidden] for the context's only token.
  array operator()(const array& h, const StepContext& context, array& keys, array& values,
                   float residual_multiplier) const {
    const array kept = context.only_token ? take_token(h, *context.only_token) : h;
    const auto residual = [&](const array& x, const array& branch) {
      return add(x, residual_multiplier == 1.0f ? branch : multiply(branch, array(residual_multiplier)));
    };
    // The norm in front of a branch is left to its first products, and adding it to the rest to its last one, where
    // there is no norm in between.
    const auto norm = [](const std::optional<NormBlock>& block) {
      LinearFusion out;
      if (block) block->fuse_into(out);
      return out;
    };
    const auto adding = [&](const array& x, const std::optional<NormBlock>& after) {
      LinearFusion out;
      if (after) return out;
      out.residual = x;
      out.scale = residual_multiplier;
      return out;
    };
    const array attended =
        attention(h, norm(before_attention), adding(kept, after_attention), context, window, keys, values);
    const array mixed = after_attention ? residual(kept, (*after_attention)(attended)) : attended;
    if (const auto* experts = std::get_if<MoeBlock>(&mlp)) {
      const array branch = (*experts)(before_mlp ? (*before_mlp)(mixed) : mixed);
      return residual(mixed, after_mlp ? (*after_mlp)(branch) : branch);
    }
    const array out = std::get<MlpBlock>(mlp)(mixed, norm(before_mlp), adding(mixed, after_mlp));
    return after_mlp ? residual(mixed, (*after_mlp)(out)) : out;
  }

  size_t window;  ///< which of the model's windows the attention has
  AttentionBlock attention;
  std::variant<MlpBlock, MoeBlock> mlp;
  std::optional<NormBlock> before_attention, after_attention, before_mlp, after_mlp;
};

/// Tokens of a sequence up to which a step is compiled: decoding, with or without a draft.
constexpr int64_t kCompiledTokens = 8;

struct Model::Parts {
  Parts(ModelDescription model, Weights& weights, const LoadOptions& load_options)
      : description(std::move(model)),
        options(load_options),
        head(weights.matrix(description.tie_word_embeddings ? "model.embed_tokens" : "lm_head",
                            {description.vocab_size, description.hidden_size})),
        embedding(description.tie_word_embeddings
                      ? head
                      : weights.table("model.embed_tokens", {description.vocab_size, description.hidden_size})),
        norm(weights, "model.norm", description.hidden_size, description) {
    for (size_t i = 0; i < description.layers.size(); ++i) {
      const LayerDescription& layer = description.layers[i];
      layers.emplace_back(weights, fmt::format("model.layers.{}", i), description, layer,
                          window_index(layer.attention.window, i), options.activation);
    }
    // What a copy for screening takes in memory must be worth it: with a tenth of the bytes a step is 3 % faster.
    constexpr uint64_t kWorthScreening = 10;
    const bool is_exact_order = description.logits_multiplier == 1.0f && description.logits_softcap == 0;
    screens = is_exact_order && head.codes.nbytes() * kWorthScreening >= weights.bytes();
    decode = compile([this](const std::vector<array>& inputs) { return step(inputs, nullptr); }, true);
    decode_greedily = compile([this](const std::vector<array>& inputs) { return step_greedily(inputs); }, true);
  }

  /// The number of a window among the different ones of the model.
  size_t window_index(int window, size_t layer) {
    const auto is_same = [&](size_t other) { return description.layers[other].attention.window == window; };
    const auto found = std::find_if(first_layers.begin(), first_layers.end(), is_same);
    const auto index = static_cast<size_t>(found - first_layers.begin());
    if (index == first_layers.size()) first_layers.push_back(layer);
    return index;
  }

  /// All that a step reads besides the weights: tokens [B, T]; for every window the places in the caches; for every
  /// rope cosine and sine; for every layer the buffers of keys and of values.
  std::vector<array> inputs(const array& tokens, PromptCache& cache, std::span<const int64_t> counts) const {
    std::vector<array> out = {tokens};
    const std::span<const int64_t> offsets = cache.offsets();
    for (const size_t layer : first_layers) {
      std::vector<int32_t> places;
      places.reserve(offsets.size());
      for (size_t b = 0; b < offsets.size(); ++b) {
        places.push_back(static_cast<int32_t>(offsets[b] - cache.layers()[layer].first(b)));
      }
      out.emplace_back(places.begin(), Shape{static_cast<ShapeElem>(places.size())}, int32);
    }
    std::vector<int64_t> lengths(offsets.begin(), offsets.end());
    for (size_t b = 0; b < lengths.size(); ++b) lengths[b] += counts[b];
    const bool is_even = all_equal(offsets) && all_equal(lengths);
    const std::span<const int64_t> different = is_even ? offsets.first(1) : offsets;
    for (const Rope& rope : description.ropes) {
      auto [cosine, sine] = rope.tables(different, lengths, tokens.shape(1));
      out.push_back(std::move(cosine));
      out.push_back(std::move(sine));
    }
    for (KvCache& layer : cache.layers()) {
      for (array& buffer : layer.buffers) out.push_back(std::move(buffer));
      layer.buffers.clear();
    }
    return out;
  }

  /// Logits [B, T, vocab], or [B, 1, vocab] of the tokens with the numbers only_token [B], and the new buffers.
  std::vector<array> step(const std::vector<array>& inputs, const array* only_token) const {
    std::vector<array> out = run_layers(inputs, only_token);
    out[0] = logits(out[0]);
    return out;
  }

  /// The most likely tokens [B, T] and the new buffers.
  std::vector<array> step_greedily(const std::vector<array>& inputs) const {
    std::vector<array> out = run_layers(inputs, nullptr);
    if (screens) {
      LinearFusion fusion;
      norm.fuse_into(fusion);
      out[0] = linear_argmax(out[0], head, options.activation, fusion);
    } else {
      out[0] = astype(argmax(logits(out[0]), -1), int32);
    }
    return out;
  }

  /// What the last layer makes of the tokens, and the new buffers.
  std::vector<array> run_layers(const std::vector<array>& inputs, const array* only_token) const {
    size_t next = 1;
    const std::span<const array> places(inputs.data() + next, first_layers.size());
    next += places.size();
    std::vector<std::pair<array, array>> ropes;
    ropes.reserve(description.ropes.size());
    for (size_t i = 0; i < description.ropes.size(); ++i, next += 2) ropes.emplace_back(inputs[next], inputs[next + 1]);
    std::vector<array> buffers(inputs.begin() + static_cast<ptrdiff_t>(next), inputs.end());
    array h = take_rows(embedding, inputs[0]);
    if (description.embedding_multiplier != 1.0f) h = multiply(h, array(description.embedding_multiplier));
    for (size_t i = 0; i < layers.size(); ++i) {
      // No layer reads what the last one makes of the other tokens.
      const array* only = i + 1 == layers.size() ? only_token : nullptr;
      h = layers[i](h, {ropes, places, options.kv.format, only}, buffers[2 * i], buffers[2 * i + 1],
                    description.residual_multiplier);
    }
    std::vector<array> out = {h};
    out.insert(out.end(), buffers.begin(), buffers.end());
    return out;
  }

  array logits(const array& h) const {
    LinearFusion fusion;
    norm.fuse_into(fusion);
    const LinearTerm term = {head};
    array out = linears(h, {&term, 1}, options.activation, fusion)[0];
    if (description.logits_multiplier != 1.0f) out = multiply(out, array(description.logits_multiplier));
    if (description.logits_softcap > 0) {
      const array cap(description.logits_softcap);
      out = multiply(tanh(divide(out, cap)), cap);
    }
    return out;
  }

  ModelDescription description;
  LoadOptions options;
  StoredMatrix head;
  StoredMatrix embedding;
  NormBlock norm;
  bool screens = false;  ///< whether a greedy step looks for the best token with linear_argmax
  std::vector<Layer> layers;
  std::vector<size_t> first_layers;  ///< for every different window the first layer that has it
  /// The step for a few tokens of every sequence, compiled for the batch sizes and capacities met last.
  std::function<std::vector<array>(const std::vector<array>&)> decode;
  std::function<std::vector<array>(const std::vector<array>&)> decode_greedily;
};

namespace {

/// The number of every sequence's last token.
array last_tokens(std::span<const int64_t> counts) {
  std::vector<int32_t> last;
  last.reserve(counts.size());
  for (const int64_t count : counts) last.push_back(static_cast<int32_t>(count - 1));
  return array(last.begin(), Shape{static_cast<ShapeElem>(last.size())}, int32);
}

void check_counts(const array& tokens, std::span<const int64_t> counts) {
  if (tokens.ndim() != 2 || tokens.size() == 0) {
    fail("tokens of shape {}, where [B, T] is needed", to_string(tokens.shape()));
  }
  if (counts.empty()) return;
  if (static_cast<int64_t>(counts.size()) != tokens.shape(0)) {
    fail("{} lengths for {} sequences", counts.size(), tokens.shape(0));
  }
  for (const int64_t count : counts) {
    if (count < 1 || count > tokens.shape(1)) fail("a sequence of {} tokens in a step of {}", count, tokens.shape(1));
  }
}

}  // namespace

Model::Model(ModelDescription description, Weights& weights, const LoadOptions& options)
    : parts_(std::make_unique<Parts>(std::move(description), weights, options)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

const ModelDescription& Model::description() const {
  return parts_->description;
}

PromptCache Model::make_cache() const {
  const LoadOptions& options = parts_->options;
  return PromptCache(parts_->description, options.activation == Activation::exact ? float32 : float16, options.kv);
}

int Model::prefill_threads() const {
  return parts_->options.prefill_threads;
}

/// Runs step(inputs, counts), whose results are what is returned and the new buffers, and advances the cache.
template <typename Step>
array Model::advance(const array& tokens, PromptCache& cache, std::span<const int64_t> counts, Step step) const {
  check_counts(tokens, counts);
  const int64_t batch = tokens.shape(0);
  const int64_t count = tokens.shape(1);
  cache.reserve(batch, count);
  const std::vector<int64_t> all(static_cast<size_t>(batch), count);
  if (counts.empty()) counts = all;
  const std::vector<array> outputs = step(parts_->inputs(tokens, cache, counts), counts);
  auto next = outputs.begin() + 1;
  for (KvCache& layer : cache.layers()) {
    layer.buffers.assign(next, next + 2);
    next += 2;
  }
  cache.advance(counts);
  return outputs[0];
}

array Model::forward(const array& tokens, PromptCache& cache, bool last_only, std::span<const int64_t> counts) const {
  return advance(tokens, cache, counts, [&](const std::vector<array>& inputs, std::span<const int64_t> lengths) {
    if (last_only && tokens.shape(1) > 1) {
      const array last = last_tokens(lengths);
      return parts_->step(inputs, &last);
    }
    return tokens.shape(1) <= kCompiledTokens ? parts_->decode(inputs) : parts_->step(inputs, nullptr);
  });
}

array Model::most_likely(const array& tokens, PromptCache& cache) const {
  return advance(tokens, cache, {}, [&](const std::vector<array>& inputs, std::span<const int64_t>) {
    return tokens.shape(1) <= kCompiledTokens ? parts_->decode_greedily(inputs) : parts_->step_greedily(inputs);
  });
}

namespace {

/// Packed weights that were asked for, or those beside the model where they are its own.
std::optional<PackedWeights> find_packed(const std::filesystem::path& model, const Weights& weights,
                                         const std::filesystem::path& asked) {
  if (!asked.empty()) return PackedWeights(asked, weights);
  const std::filesystem::path beside = PackedWeights::default_path(model);
  if (!std::filesystem::exists(beside)) return std::nullopt;
  try {
    return PackedWeights(beside, weights);
  } catch (const std::exception& error) {
    log(LogLevel::warning, "{}; weights are packed in memory", error.what());
    return std::nullopt;
  }
}

}  // namespace

Model make_model(Checkpoint& checkpoint, const LoadOptions& options) {
  ModelDescription description = describe(checkpoint.config);
  if (!checkpoint.rope_factors.empty()) {
    for (Rope& rope : description.ropes) rope.scale_periods(checkpoint.rope_factors);
  }
  if (description.tie_word_embeddings) checkpoint.weights.drop("lm_head.weight");
  Model model(std::move(description), checkpoint.weights, options);
  const std::vector<std::string> unused = checkpoint.weights.unused();
  if (!unused.empty()) {
    fail("{}: {} parameters are not part of a {} model, the first is {}", checkpoint.config.name(), unused.size(),
         model.description().model_type, unused.front());
  }
  return model;
}

LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options) {
  Checkpoint checkpoint = open_checkpoint(path);
  if (auto packed = find_packed(path, checkpoint.weights, options.packed)) checkpoint.weights.use(std::move(*packed));
  Model model = make_model(checkpoint, options);
  return {std::move(model), {checkpoint.format, checkpoint.bytes, checkpoint.parameters}};
}

LoadedModel make_random_model(const std::filesystem::path& path, int bits, int group_size, const LoadOptions& options) {
  const Config config(load_json(path), path.string());
  ModelDescription description = describe(config);
  Weights weights(config);
  weights.make_up_missing(bits, group_size);
  Model model(std::move(description), weights, options);
  return {std::move(model), {"random", 0, 0}};
}

}  // namespace mica::lm
