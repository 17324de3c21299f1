#include "mica/nn/sharding.h"

#include <algorithm>

#include "mica/base/error.h"
#include "mica/distributed/ops.h"
#include "mica/nn/tree_functions.h"
#include "mica/ops/shape.h"
#include "mica/transforms/transforms.h"

namespace mica::nn {
namespace {

std::vector<array> segments_of(const array& a, int axis, const Segments& segments) {
  if (const int* count = std::get_if<int>(&segments)) return split(a, *count, axis);
  Shape indices;
  if (const auto* places = std::get_if<std::vector<int>>(&segments)) {
    indices = Shape(places->begin(), places->end());
  } else {
    for (const double fraction : std::get<std::vector<double>>(segments)) {
      indices.push_back(static_cast<ShapeElem>(fraction * static_cast<double>(a.shape(axis))));
    }
  }
  return split(a, indices, axis);
}

}  // namespace

ShardingPredicate sharding_named(const std::string& name, const Segments& segments) {
  using Cut = std::optional<std::pair<int, Segments>>;
  if (name == "all-to-sharded") {
    return [segments](const std::string& path, const array& parameter) -> Cut {
      const int rows = std::max(static_cast<int>(parameter.ndim()) - 2, 0);
      return std::pair(path.ends_with("bias") ? -1 : rows, segments);
    };
  }
  if (name == "sharded-to-all") {
    return [segments](const std::string& path, const array& /*parameter*/) -> Cut {
      if (path.ends_with("bias")) return std::nullopt;
      return std::pair(-1, segments);
    };
  }
  fail_as<std::invalid_argument>("[shard] the sharding is all-to-sharded or sharded-to-all, not {}",
                                 mica::quoted(name));
}

Tree sharded(const Tree& parameters, const ShardingPredicate& predicate, const distributed::Group& group) {
  return tree_map_with_path(
      [&](const std::string& path, const array& parameter) {
        const auto cut = predicate(path, parameter);
        if (!cut) return parameter;
        const auto& [axis, segments] = *cut;
        std::vector<array> pieces;
        for (const array& segment : segments_of(parameter, axis, segments)) {
          if (segment.shape(axis) % group.size() != 0) {
            fail_as<std::invalid_argument>("[shard] {} of shape {} cannot be cut into {} equal parts along axis {}",
                                           path, to_string(parameter.shape()), group.size(), axis);
          }
          pieces.push_back(split(segment, group.size(), axis)[static_cast<size_t>(group.rank())]);
        }
        return contiguous(concatenate(pieces, axis));
      },
      parameters);
}

void shard_inplace(Module& module, const ShardingPredicate& predicate, const std::optional<distributed::Group>& group) {
  module.update(sharded(module.parameters(), predicate, group ? *group : distributed::init()));
}

void shard_inplace(Module& module, const std::string& sharding, const ShardOptions& options) {
  shard_inplace(module, sharding_named(sharding, options.segments), options.group);
}

std::function<array(const array&)> sum_gradients(const distributed::Group& group) {
  if (group.size() == 1) return [](const array& x) { return x; };
  const auto identity = [](const std::vector<array>& x) { return x; };
  const auto summed = [group](const std::vector<array>&, const std::vector<array>& cotangents,
                              const std::vector<array>&) {
    return std::vector<array>{distributed::all_sum(cotangents[0], group)};
  };
  return [f = custom_vjp(identity, summed)](const array& x) { return f({x})[0]; };
}

}  // namespace mica::nn
