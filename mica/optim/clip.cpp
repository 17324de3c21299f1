#include "mica/optim/clip.h"

#include "mica/base/error.h"
#include "mica/nn/tree_functions.h"
#include "mica/nn/weak_scalar.h"
#include "mica/ops/reduce.h"

namespace mica::optim {

std::pair<Tree, array> clip_grad_norm(const Tree& gradients, double max_norm) {
  if (!(max_norm >= 0)) fail_as<std::invalid_argument>("[clip_grad_norm] max_norm {} is negative", max_norm);
  const array total = sqrt(tree_reduce(
      [](const array& sum_so_far, const array& g) {
        // The square of a float16 gradient overflows early.
        return sum_so_far + sum(square(g.dtype() == float16 ? astype(g, float32) : g));
      },
      gradients, array(0.0f)));
  const array factor = minimum(Weak(max_norm) / (total + Weak(1e-6)), Weak(1));
  Tree clipped = tree_map(
      [&](const array& g) {
        const array scaled = g * factor;
        return issubdtype(g.dtype(), floating) ? astype(scaled, g.dtype()) : scaled;
      },
      gradients);
  return {std::move(clipped), total};
}

}  // namespace mica::optim
