#include "mica/optim/muon.h"

#include <algorithm>
#include <cmath>

#include "mica/nn/weak_scalar.h"
#include "mica/ops/create.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica::optim {
namespace {

/// A matrix with about the same singular vectors and all singular values near 1.
array orthogonalized(const array& matrix, int steps) {
  // Coefficients of the quintic that Muon's author tuned for fast convergence.
  constexpr double kA = 3.4445;
  constexpr double kB = -4.775;
  constexpr float kC = 2.0315F;
  const bool tall = matrix.shape(-2) > matrix.shape(-1);
  array x = tall ? transpose(matrix) : matrix;
  x = x / (sqrt(sum(square(x), true)) + Weak(1e-7));
  for (int i = 0; i < steps; ++i) {
    const array gram = matmul(x, transpose(x));
    const array polynomial = addmm(Weak(kB) * gram, gram, gram, kC, 1.0F);
    x = addmm(Weak(kA) * x, polynomial, x, 1.0F, 1.0F);
  }
  return tall ? transpose(x) : x;
}

}  // namespace

Muon::Muon(const LearningRate& learning_rate, const MuonOptions& options)
    : Optimizer(learning_rate), options_(options) {}

void Muon::init_single(const array& parameter, Tree& state) const {
  state["v"] = zeros_like(parameter);
}

array Muon::apply_single(const array& gradient, const array& parameter, Tree& state) {
  const double momentum = options_.momentum;
  const array g = options_.weight_decay != 0 ? gradient + Weak(options_.weight_decay) * parameter : gradient;
  const array v = Weak(momentum) * state["v"].leaf() + Weak(1 - momentum) * g;
  state["v"] = v;
  const array update = options_.nesterov ? g * Weak(1 - momentum) + v * Weak(momentum) : v;
  const array rate = rate_for(g);
  if (update.ndim() < 2) return parameter - rate * update;
  const array matrix = update.ndim() > 2 ? reshape(update, {update.shape(0), -1}) : update;
  const array direction = reshape(orthogonalized(matrix, options_.ns_steps), update.shape());
  const double ratio = static_cast<double>(update.shape(-2)) / static_cast<double>(update.shape(-1));
  return parameter - rate * Weak(std::sqrt(std::max(1.0, ratio))) * direction;
}

}  // namespace mica::optim
