#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mica/distributed/distributed.h"
#include "mica/nn/module.h"

namespace mica::nn {

/// Parts of an axis that are cut for themselves, such as q, k and v in one matrix: their number, the indices between
/// them, or those indices as fractions of the length.
using Segments = std::variant<int, std::vector<int>, std::vector<double>>;

/// The axis along which a parameter is cut, if it is, and its segments.
using ShardingPredicate =
    std::function<std::optional<std::pair<int, Segments>>(const std::string& path, const array& parameter)>;

/// How the rows of "all-to-sharded" layers and the columns of "sharded-to-all" layers are cut. Other names throw
/// std::invalid_argument.
ShardingPredicate sharding_named(const std::string& name, const Segments& segments = 1);

/// Options of layers that are cut.
struct ShardOptions {
  Segments segments = 1;
  /// All processes unless given.
  std::optional<distributed::Group> group = std::nullopt;
};

/// This process's part of each parameter: of every segment one of size() equal pieces. A length that cannot be cut so
/// throws std::invalid_argument.
Tree sharded(const Tree& parameters, const ShardingPredicate& predicate, const distributed::Group& group);

/// Cuts the parameters of a module, leaving this process its part.
void shard_inplace(Module& module, const ShardingPredicate& predicate,
                   const std::optional<distributed::Group>& group = std::nullopt);
void shard_inplace(Module& module, const std::string& sharding, const ShardOptions& options = {});

/// The identity, whose gradient is summed over the group: what goes into layers that each process has a part of.
std::function<array(const array&)> sum_gradients(const distributed::Group& group);

}  // namespace mica::nn
