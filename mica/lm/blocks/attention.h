#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mica/lm/blocks/basic.h"
#include "mica/ops/kv_format.h"

namespace mica::lm {

/// What the layers of one step share.
struct StepContext {
  /// Cosine and sine of each of the model's ropes for the positions of the step.
  std::span<const std::pair<array, array>> ropes;
  /// For each of the model's windows the places [B] in the caches where the step's keys and values go.
  std::span<const array> places;
  /// Of the codes that caches of uint8 hold.
  KvFormat kv;
  /// int32 [B]: the number of the one token of each sequence that the layer is computed for; the others leave their
  /// keys and values. Null: all are.
  const array* only_token = nullptr;
};

/// x [B, T, ...] → [B, 1, ...], the token of each sequence with its number in tokens [B].
array take_token(const array& x, const array& tokens);

/// Grouped-query attention with RoPE over the cached sequence.
class AttentionBlock {
 public:
  AttentionBlock(Weights& weights, const std::string& module, const ModelDescription& model,
                 const AttentionDescription& attention, Activation activation);

  /// x [B, T, hidden] → [B, T, hidden], or [B, 1, hidden] for the context's only token, with what is fused to the first
  /// and to the last products. `keys` and `values` are the cache's buffers; T rows of them are written. The attention's
  /// window is number `window` of the model.
  array operator()(const array& x, const LinearFusion& before, const LinearFusion& after, const StepContext& context,
                   size_t window, array& keys, array& values) const;

 private:
  struct Projected {
    array q, k, v;
  };
  Projected project(const array& x, const LinearFusion& before, const array* only_token) const;
  array normalize(const array& x, int heads, const std::optional<NormBlock>& norm) const;

  AttentionDescription attention_;
  bool traditional_rope_ = false;
  /// Those to q, k and v, or one to all three.
  std::vector<LinearBlock> inputs_;
  LinearBlock output_;
  std::optional<NormBlock> q_norm_, k_norm_;
};

}  // namespace mica::lm
