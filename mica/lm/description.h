#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mica/lm/rope.h"

namespace mica::lm {

enum class NormKind {
  rms,         ///< x / rms(x) · w
  rms_offset,  ///< x / rms(x) · (1 + w), as Gemma trains it
};

enum class ActivationKind { silu, gelu, gelu_tanh };

/// Where queries and keys are normalized before they are turned.
enum class QkNorm {
  none,
  head,        ///< each head by itself
  projection,  ///< all heads of a token together
};

/// What a layer's attention is like.
struct AttentionDescription {
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  float scale = 0.0f;
  float softcap = 0.0f;
  /// > 0: sliding window of that many tokens.
  int window = 0;
  /// Index into ModelDescription::ropes; none: no position embedding (NoPE).
  std::optional<size_t> rope;
  QkNorm qk_norm = QkNorm::none;
  bool qkv_bias = false;
  bool output_bias = false;
  /// q, k and v come from one matrix, in that order.
  bool fused_qkv = false;
};

/// down(activation(gate(x)) · up(x))
struct MlpDescription {
  int hidden = 0;
  ActivationKind activation = ActivationKind::silu;
  bool bias = false;
  /// gate and up are one matrix, in that order.
  bool fused_gate_up = false;
};

/// Mixture of experts: softmax over all experts, the best top_k do the work.
struct MoeDescription {
  int num_experts = 0;
  int top_k = 0;
  int expert_hidden = 0;
  bool normalize_top_k = false;
};

/// Where the norms of a layer stand.
enum class NormPlacement {
  before,            ///< x + f(norm(x))
  after,             ///< x + norm(f(x))
  before_and_after,  ///< x + norm(f(norm(x)))
};

/// What one layer of a model is made of.
struct LayerDescription {
  AttentionDescription attention;
  MlpDescription mlp;
  std::optional<MoeDescription> moe;
};

/// All that makes one decoder differ from another. Each family's file in models/ turns its config.json into this.
struct ModelDescription {
  std::string model_type;
  int vocab_size = 0;
  int hidden_size = 0;
  int max_position_embeddings = 0;
  NormKind norm = NormKind::rms;
  float norm_eps = 1e-5f;
  NormPlacement placement = NormPlacement::before;
  /// The embedding, every block's output and the logits are multiplied by these.
  float embedding_multiplier = 1.0f;
  float residual_multiplier = 1.0f;
  float logits_multiplier = 1.0f;
  /// > 0: logits become softcap · tanh(logits / softcap).
  float logits_softcap = 0.0f;
  bool tie_word_embeddings = false;
  std::vector<Rope> ropes;
  std::vector<LayerDescription> layers;
};

}  // namespace mica::lm
