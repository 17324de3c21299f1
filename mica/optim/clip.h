#pragma once

#include <utility>

#include "mica/nn/tree.h"

namespace mica::optim {

/// Gradients scaled so that their norm, all taken together, is at most max_norm, and the norm that they had. A negative
/// max_norm throws std::invalid_argument.
std::pair<Tree, array> clip_grad_norm(const Tree& gradients, double max_norm);

}  // namespace mica::optim
