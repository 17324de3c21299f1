#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "mica/distributed/distributed.h"
#include "mica/nn/tree.h"

namespace mica::nn {

/// The gradients averaged over the processes of a group (all of them unless given), for training on different data with
/// the same model. Gradients of one dtype are sent together in pieces of at least `all_reduce_size` bytes; 0 sends each
/// alone. A group of one gives them back.
Tree average_gradients(const Tree& gradients, const std::optional<distributed::Group>& group = std::nullopt,
                       int64_t all_reduce_size = int64_t{32} << 20);

/// Gradients of which each process of the group has a part, scaled so that their norm, all taken together, is at most
/// max_norm; and the norm that they had.
std::pair<Tree, array> clip_grad_norm_sharded(const Tree& gradients, double max_norm,
                                              const std::optional<distributed::Group>& group = std::nullopt);

}  // namespace mica::nn
