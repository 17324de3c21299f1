#include "mica/nn/sharded_linear.h"

#include "mica/distributed/ops.h"
#include "mica/nn/uniform_init.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/matmul.h"
#include "mica/ops/shape.h"

namespace mica::nn {
namespace {

using detail::uniform_weight;

distributed::Group group_of(const std::optional<distributed::Group>& group) {
  return group ? *group : distributed::init();
}

/// This process's share of a dimension.
int part_of(int dims, const std::optional<distributed::Group>& group) {
  const int size = group_of(group).size();
  if (dims % size != 0) fail_as<std::invalid_argument>("[shard] {} features cannot be cut into {} parts", dims, size);
  return dims / size;
}

int dims_of(const Parameter& weight, int axis) {
  return static_cast<int>(weight->shape(axis));
}

/// A layer of the class `To` with this process's part of the parameters of `layer`.
template <typename To, typename From, typename... Args>
To cut(const From& layer, const char* sharding, const ShardOptions& options, const Args&... arguments) {
  To out(arguments..., group_of(options.group));
  out.update(sharded(layer.parameters(), sharding_named(sharding, options.segments), out.group));
  return out;
}

template <typename To>
To cut_dense(const Linear& layer, const char* sharding, const ShardOptions& options) {
  return cut<To>(layer, sharding, options, dims_of(layer.weight, 1), dims_of(layer.weight, 0), layer.bias.has_value());
}

template <typename To>
To cut_quantized(const QuantizedLinear& layer, const char* sharding, const ShardOptions& options) {
  const int input_dims = dims_of(layer.weight, 1) * 32 / layer.bits;
  const QuantizeOptions quantization{.group_size = layer.group_size, .bits = layer.bits, .mode = layer.mode};
  return cut<To>(layer, sharding, options, input_dims, dims_of(layer.weight, 0), layer.bias.has_value(), quantization);
}

constexpr const char* kToSharded = "all-to-sharded";
constexpr const char* kToAll = "sharded-to-all";

}  // namespace

AllToShardedLinear::AllToShardedLinear(int input_dims, int output_dims, bool with_bias,
                                       const std::optional<distributed::Group>& members)
    : group(group_of(members)),
      weight(this, "weight", uniform_weight(input_dims, {part_of(output_dims, group), input_dims})),
      bias(this, "bias") {
  if (with_bias) bias.set(uniform_weight(input_dims, {part_of(output_dims, group)}));
}

AllToShardedLinear AllToShardedLinear::from_linear(const Linear& layer, const ShardOptions& options) {
  return cut_dense<AllToShardedLinear>(layer, kToSharded, options);
}

array AllToShardedLinear::operator()(const array& x) const {
  const array input = sum_gradients(group)(x);
  const array transposed = transpose(weight);
  return bias.has_value() ? addmm(bias, input, transposed) : matmul(input, transposed);
}

ShardedToAllLinear::ShardedToAllLinear(int input_dims, int output_dims, bool with_bias,
                                       const std::optional<distributed::Group>& members)
    : group(group_of(members)),
      weight(this, "weight", uniform_weight(input_dims, {output_dims, part_of(input_dims, group)})),
      bias(this, "bias") {
  if (with_bias) bias.set(uniform_weight(input_dims, {output_dims}));
}

ShardedToAllLinear ShardedToAllLinear::from_linear(const Linear& layer, const ShardOptions& options) {
  return cut_dense<ShardedToAllLinear>(layer, kToAll, options);
}

array ShardedToAllLinear::operator()(const array& x) const {
  const array y = distributed::all_sum(matmul(x, transpose(weight)), group);
  return bias.has_value() ? y + bias : y;
}

QuantizedAllToShardedLinear::QuantizedAllToShardedLinear(int input_dims, int output_dims, bool with_bias,
                                                         const QuantizeOptions& options,
                                                         const std::optional<distributed::Group>& members)
    : QuantizedLinear(input_dims, part_of(output_dims, members), with_bias, options), group(group_of(members)) {}

QuantizedAllToShardedLinear QuantizedAllToShardedLinear::from_quantized_linear(const QuantizedLinear& layer,
                                                                               const ShardOptions& options) {
  return cut_quantized<QuantizedAllToShardedLinear>(layer, kToSharded, options);
}

array QuantizedAllToShardedLinear::operator()(const array& x) const {
  return QuantizedLinear::operator()(sum_gradients(group)(x));
}

QuantizedShardedToAllLinear::QuantizedShardedToAllLinear(int input_dims, int output_dims, bool with_bias,
                                                         const QuantizeOptions& options,
                                                         const std::optional<distributed::Group>& members)
    : QuantizedLinear(part_of(input_dims, members), output_dims, with_bias, options), group(group_of(members)) {}

QuantizedShardedToAllLinear QuantizedShardedToAllLinear::from_quantized_linear(const QuantizedLinear& layer,
                                                                               const ShardOptions& options) {
  return cut_quantized<QuantizedShardedToAllLinear>(layer, kToAll, options);
}

array QuantizedShardedToAllLinear::operator()(const array& x) const {
  const array y = distributed::all_sum(product(x), group);
  return bias.has_value() ? y + bias : y;
}

std::shared_ptr<UnaryModule> shard_linear(const Module& layer, const std::string& sharding,
                                          const ShardOptions& options) {
  const bool to_sharded = sharding == kToSharded;
  if (!to_sharded && sharding != kToAll) sharding_named(sharding);
  const auto shared = [](auto part) -> std::shared_ptr<UnaryModule> {
    return std::make_shared<decltype(part)>(std::move(part));
  };
  if (const auto* dense = dynamic_cast<const Linear*>(&layer)) {
    return to_sharded ? shared(AllToShardedLinear::from_linear(*dense, options))
                      : shared(ShardedToAllLinear::from_linear(*dense, options));
  }
  if (const auto* quantized = dynamic_cast<const QuantizedLinear*>(&layer)) {
    return to_sharded ? shared(QuantizedAllToShardedLinear::from_quantized_linear(*quantized, options))
                      : shared(QuantizedShardedToAllLinear::from_quantized_linear(*quantized, options));
  }
  fail_as<std::invalid_argument>("[shard_linear] only Linear and QuantizedLinear layers can be sharded");
}

}  // namespace mica::nn
