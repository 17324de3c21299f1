#pragma once

#include <memory>
#include <optional>
#include <string>

#include "mica/nn/linear.h"
#include "mica/nn/quantized.h"
#include "mica/nn/sharding.h"

namespace mica::nn {

// Linear layers of which each process of a group holds a part (tensor parallelism). Dimensions are those of the whole
// layer; one that the group's size does not divide throws std::invalid_argument. Parameters are Linear's or
// QuantizedLinear's (frozen), cut.

/// From whole inputs to this process's part of the outputs: has some of the weight's rows.
struct AllToShardedLinear : UnaryModule {
  AllToShardedLinear(int input_dims, int output_dims, bool bias = true,
                     const std::optional<distributed::Group>& group = std::nullopt);
  static AllToShardedLinear from_linear(const Linear& layer, const ShardOptions& options = {});
  array operator()(const array& x) const override;
  distributed::Group group;
  Parameter weight;
  Parameter bias;
};

/// From parts of the inputs to whole outputs, summed over the processes: has some of the weight's columns and all of
/// the bias.
struct ShardedToAllLinear : UnaryModule {
  ShardedToAllLinear(int input_dims, int output_dims, bool bias = true,
                     const std::optional<distributed::Group>& group = std::nullopt);
  static ShardedToAllLinear from_linear(const Linear& layer, const ShardOptions& options = {});
  array operator()(const array& x) const override;
  distributed::Group group;
  Parameter weight;
  Parameter bias;
};

/// AllToShardedLinear with a quantized weight.
struct QuantizedAllToShardedLinear : QuantizedLinear {
  QuantizedAllToShardedLinear(int input_dims, int output_dims, bool bias = true, const QuantizeOptions& options = {},
                              const std::optional<distributed::Group>& group = std::nullopt);
  static QuantizedAllToShardedLinear from_quantized_linear(const QuantizedLinear& layer,
                                                           const ShardOptions& options = {});
  array operator()(const array& x) const override;
  distributed::Group group;
};

/// ShardedToAllLinear with a quantized weight.
struct QuantizedShardedToAllLinear : QuantizedLinear {
  QuantizedShardedToAllLinear(int input_dims, int output_dims, bool bias = true, const QuantizeOptions& options = {},
                              const std::optional<distributed::Group>& group = std::nullopt);
  static QuantizedShardedToAllLinear from_quantized_linear(const QuantizedLinear& layer,
                                                           const ShardOptions& options = {});
  array operator()(const array& x) const override;
  distributed::Group group;
};

/// The part of a Linear or QuantizedLinear layer that this process holds; sharding: "all-to-sharded" or
/// "sharded-to-all". Another layer throws std::invalid_argument.
std::shared_ptr<UnaryModule> shard_linear(const Module& layer, const std::string& sharding,
                                          const ShardOptions& options = {});

}  // namespace mica::nn
