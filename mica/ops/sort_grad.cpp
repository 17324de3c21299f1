// Gradients of sorts and running totals, all over the last axis.
#include <limits>

#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica {
namespace {

/// Adds the cotangents up at the places (int64) along the last axis that their elements came from.
array give_back(const array& cotangent, const array& places, StreamOrDevice s) {
  const array zero = zeros(cotangent.shape(), cotangent.dtype(), s);
  const int last = static_cast<int>(cotangent.ndim()) - 1;
  return apply<ScatterAxis>({zero, places, cotangent}, to_stream(s), last, UpdateMode::add);
}

array take_from(const array& tangent, const array& places, StreamOrDevice s) {
  return apply<GatherAxis>({tangent, places}, to_stream(s), static_cast<int>(tangent.ndim()) - 1);
}

/// A running total of the same direction (or the opposite one).
array run(const array& x, ScanOp op, bool reverse, bool inclusive, StreamOrDevice s) {
  return apply<Scan>({x}, to_stream(s), op, reverse, inclusive);
}

/// Elements one place earlier (or later) along the last axis, zero where nothing comes after.
array shifted(const array& x, bool to_later, StreamOrDevice s) {
  const ShapeElem n = x.shape(-1);
  if (n == 0) return x;
  Shape start(x.ndim(), 0);
  Shape stop = x.shape();
  Shape edge = x.shape();
  edge.back() = 1;
  (to_later ? stop.back() : start.back()) = to_later ? n - 1 : 1;
  const array kept = slice(x, start, stop, s);
  const array zero = zeros(edge, x.dtype(), s);
  return to_later ? concatenate({zero, kept}, -1, s) : concatenate({kept, zero}, -1, s);
}

/// For every place where the running maximum or minimum (inclusive) was found; of equal ones the latest.
array extreme_places(const Scan& scan, const array& x, StreamOrDevice s) {
  const array total = run(x, scan.op, scan.reverse, true, s);
  const array places = arange(0, static_cast<double>(x.shape(-1)), int64, s);
  const array never(scan.reverse ? x.shape(-1) - 1 : ShapeElem{0}, int64);
  const array found = broadcast_to(where(equal(x, total, s), places, never, s), x.shape(), s);
  return run(found, scan.reverse ? ScanOp::min : ScanOp::max, scan.reverse, true, s);
}

/// A factor of a product, freed from the zeros that would have to be divided by.
struct RunningProduct {
  array first_zero;  ///< true at the first zero of the row in the direction of the scan
  array divisor;     ///< x, with 1 in place of zeros
  array total;       ///< the running product
  array past_zero;   ///< the running product without the first zero

  RunningProduct(const Scan& scan, const array& x, StreamOrDevice s)
      : first_zero(equal(x, constant_like(0, x), s)),
        divisor(where(first_zero, constant_like(1, x), x, s)),
        total(run(x, scan.op, scan.reverse, scan.inclusive, s)),
        past_zero(total) {
    const array zeros_so_far = run(astype(first_zero, int32, s), ScanOp::sum, scan.reverse, true, s);
    first_zero = logical_and(first_zero, equal(zeros_so_far, array(1), s), s);
    past_zero = run(where(first_zero, constant_like(1, x), x, s), scan.op, scan.reverse, scan.inclusive, s);
  }
};

array product_vjp(const Scan& scan, const array& x, const array& cotangent, StreamOrDevice s) {
  // Σ_j c_j out_j / x_i over the places j that have x_i as a factor; at the first zero the product without it is taken,
  // and behind it all other products are 0.
  const RunningProduct product(scan, conjugate(x, s), s);
  const auto backwards = [&](const array& a) { return run(a, ScanOp::sum, !scan.reverse, scan.inclusive, s); };
  const array usual = divide(backwards(multiply(cotangent, product.total, s)), product.divisor, s);
  return where(product.first_zero, backwards(multiply(cotangent, product.past_zero, s)), usual, s);
}

array product_jvp(const Scan& scan, const array& x, const array& tangent, StreamOrDevice s) {
  const RunningProduct product(scan, x, s);
  const auto forwards = [&](const array& a) { return run(a, ScanOp::sum, scan.reverse, scan.inclusive, s); };
  const array usual = multiply(product.total, forwards(divide(tangent, product.divisor, s)), s);
  const array at_zero = where(product.first_zero, tangent, constant_like(0, tangent), s);
  return add(usual, multiply(product.past_zero, forwards(at_zero), s), s);
}

/// exp(after + log Σ exp(before + log |factor|)) with the running sum taken over positive and negative factors apart,
/// so that nothing overflows.
array signed_running_sum(const array& factor, const array& before, const array& after, bool reverse, StreamOrDevice s) {
  const array zero = constant_like(0, factor);
  const array nothing = constant_like(-std::numeric_limits<double>::infinity(), factor);
  const auto part = [&](const array& values) {
    const array positive = greater(values, zero, s);
    const array logarithm = log(where(positive, values, constant_like(1, values), s), s);
    const array terms = where(positive, add(before, logarithm, s), nothing, s);
    return exp(add(after, run(terms, ScanOp::logaddexp, reverse, true, s), s), s);
  };
  return subtract(part(factor), part(negative(factor, s)), s);
}

std::vector<array> ordered_vjp(const array& order, const array& cotangent, StreamOrDevice s) {
  return {give_back(cotangent, astype(order, int64, s), s)};
}

}  // namespace

std::vector<array> Sort::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                             const std::vector<int>&, const std::vector<array>&) const {
  return ordered_vjp(apply<Sort>(primals, stream(), true), cotangents[0], stream());
}

std::vector<array> Sort::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                             const std::vector<int>&) const {
  return {take_from(tangents[0], astype(apply<Sort>(primals, stream(), true), int64, stream()), stream())};
}

std::vector<array> Partition::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                  const std::vector<int>&, const std::vector<array>&) const {
  return ordered_vjp(apply<Partition>(primals, stream(), true, kth), cotangents[0], stream());
}

std::vector<array> Partition::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                  const std::vector<int>&) const {
  return {take_from(tangents[0], astype(apply<Partition>(primals, stream(), true, kth), int64, stream()), stream())};
}

std::vector<array> Scan::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                             const std::vector<int>&, const std::vector<array>&) const {
  const array& x = primals[0];
  const Stream s = stream();
  if (op == ScanOp::sum) return {run(cotangents[0], op, !reverse, inclusive, s)};
  if (op == ScanOp::prod) return {product_vjp(*this, x, cotangents[0], s)};
  // Without the element itself, it is the inclusive total of its neighbour.
  const array cotangent = inclusive ? cotangents[0] : shifted(cotangents[0], reverse, s);
  if (op != ScanOp::logaddexp) return {give_back(cotangent, extreme_places(*this, x, s), s)};
  const array total = run(x, op, reverse, true, s);
  return {signed_running_sum(cotangent, negative(total, s), x, !reverse, s)};
}

std::vector<array> Scan::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                             const std::vector<int>&) const {
  const array& x = primals[0];
  const Stream s = stream();
  if (op == ScanOp::sum) return {run(tangents[0], op, reverse, inclusive, s)};
  if (op == ScanOp::prod) return {product_jvp(*this, x, tangents[0], s)};
  const array tangent = op != ScanOp::logaddexp
                            ? take_from(tangents[0], extreme_places(*this, x, s), s)
                            : signed_running_sum(tangents[0], x, negative(run(x, op, reverse, true, s), s), reverse, s);
  return {inclusive ? tangent : shifted(tangent, !reverse, s)};
}

}  // namespace mica
