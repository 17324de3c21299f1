#pragma once

#include <cstdint>
#include <optional>

#include "mica/distributed/distributed.h"
#include "mica/nn/tree.h"

namespace mica::nn {

/// The gradients averaged over the processes of a group (all of them unless given), for training on different data with
/// the same model. Gradients of one dtype are sent together in pieces of at least `all_reduce_size` bytes; 0 sends each
/// alone. A group of one gives them back.
Tree average_gradients(const Tree& gradients, const std::optional<distributed::Group>& group = std::nullopt,
                       int64_t all_reduce_size = int64_t{32} << 20);

}  // namespace mica::nn
