// Gradients of reductions. Each input element has a weight ∂out/∂x; cotangents are multiplied by it, tangents too and
// then summed.
#include <algorithm>

#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica {
namespace {

/// For each element the product of all others along `axes`; zeros among them do no harm.
array product_of_others(const array& x, const std::vector<int>& axes, StreamOrDevice s) {
  // The reduced axes come last, as one.
  std::vector<int> order;
  std::vector<int> back(x.ndim());
  for (int i = 0; i < static_cast<int>(x.ndim()); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
  }
  const auto kept = static_cast<int>(order.size());
  order.insert(order.end(), axes.begin(), axes.end());
  for (size_t i = 0; i < order.size(); ++i) back[static_cast<size_t>(order[i])] = static_cast<int>(i);
  const array moved = transpose(x, order, s);
  const array rows = flatten(moved, kept, -1, s);
  const array before = cumprod(rows, -1, false, false, s);
  const array after = cumprod(rows, -1, true, false, s);
  return transpose(reshape(multiply(before, after, s), moved.shape(), s), back, s);
}

/// ∂out/∂x; a scalar where it is the same for all.
array weights(ReduceOp op, const array& x, const array& out, const std::vector<int>& axes, StreamOrDevice s) {
  switch (op) {
    case ReduceOp::sum:
      return constant_like(1, x);
    case ReduceOp::prod:
      return axes.empty() ? constant_like(1, x) : product_of_others(x, axes, s);
    case ReduceOp::max:
    case ReduceOp::min: {
      // Equal extremes share.
      const array chosen = astype(equal(x, out, s), x.dtype(), s);
      return divide(chosen, sum(chosen, axes, true, s), s);
    }
    case ReduceOp::logsumexp:
      return exp(subtract(x, out, s), s);
    default:
      return constant_like(0, x);
  }
}

}  // namespace

std::vector<array> Reduce::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                               const std::vector<int>&, const std::vector<array>& outputs) const {
  const array& x = primals[0];
  const array spread = broadcast_like(cotangents[0], x, stream());
  if (op == ReduceOp::sum) return {spread};
  const array factor = weights(op, x, outputs[0], axes, stream());
  return {multiply(spread, conjugate(factor, stream()), stream())};
}

std::vector<array> Reduce::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                               const std::vector<int>&) const {
  const array& x = primals[0];
  if (op == ReduceOp::sum) return {mica::sum(tangents[0], axes, true, stream())};
  const array out = apply<Reduce>({x}, stream(), op, axes);
  const array factor = weights(op, x, out, axes, stream());
  return {mica::sum(multiply(tangents[0], factor, stream()), axes, true, stream())};
}

std::vector<array> Softmax::vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                                const std::vector<int>&, const std::vector<array>& outputs) const {
  const array weighted = multiply(cotangents[0], outputs[0], stream());
  return {subtract(weighted, multiply(outputs[0], sum(weighted, -1, true, stream()), stream()), stream())};
}

std::vector<array> Softmax::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                const std::vector<int>& argnums) const {
  // The matrix of derivatives is symmetric.
  return vjp(primals, tangents, argnums, {apply<Softmax>(primals, stream())});
}

}  // namespace mica
