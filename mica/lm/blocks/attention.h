#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>

#include "mica/lm/blocks/basic.h"
#include "mica/lm/cache.h"

namespace mica::lm {

/// Cosine and sine of each of the model's ropes for the positions of one step.
using RopeTables = std::span<const std::pair<array, array>>;

/// Grouped-query attention with RoPE over the cached sequence.
class AttentionBlock {
 public:
  AttentionBlock(Weights& weights, const std::string& module, const ModelDescription& model,
                 const AttentionDescription& attention, Activation activation);

  /// x [B, T, hidden] → [B, T, hidden]; the cache grows by T.
  array operator()(const array& x, RopeTables ropes, KvCache& cache) const;

 private:
  struct Projected {
    array q, k, v;
  };
  Projected project(const array& x) const;
  array heads(const array& x, int count, const std::optional<NormBlock>& norm) const;

  AttentionDescription attention_;
  bool traditional_rope_ = false;
  std::optional<LinearBlock> q_, k_, v_, qkv_;
  std::optional<LinearBlock> output_;
  std::optional<NormBlock> q_norm_, k_norm_;
};

}  // namespace mica::lm
