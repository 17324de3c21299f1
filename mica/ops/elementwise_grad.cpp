// Gradients of element-by-element primitives. Each operation has one derivative, which serves both directions: a
// tangent is multiplied by it, a cotangent by its complex conjugate.
#include <cmath>
#include <numbers>
#include <optional>

#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/rules.h"

namespace mica {
namespace {

using std::numbers::inv_sqrtpi;
using std::numbers::ln10;
using std::numbers::ln2;
using std::numbers::sqrt2;

/// d gelu/dx: Φ(x) + x φ(x).
array gelu_derivative(const array& x, StreamOrDevice s) {
  const auto c = [&](double value) { return constant_like(value, x); };
  const array cdf = multiply(c(0.5), add(c(1), erf(multiply(x, c(1 / sqrt2), s), s), s), s);
  const array density = multiply(c(inv_sqrtpi / sqrt2), exp(multiply(c(-0.5), square(x, s), s), s), s);
  return add(cdf, multiply(x, density, s), s);
}

array gelu_tanh_derivative(const array& x, StreamOrDevice s) {
  const auto c = [&](double value) { return constant_like(value, x); };
  const double scale = sqrt2 * inv_sqrtpi;  // √(2/π)
  const double cubic = 0.044715;
  const array xx = square(x, s);
  const array argument = multiply(multiply(c(scale), x, s), add(c(1), multiply(c(cubic), xx, s), s), s);
  const array t = tanh(argument, s);
  const array slope = multiply(c(scale), add(c(1), multiply(c(3 * cubic), xx, s), s), s);
  const array rising = multiply(multiply(x, slope, s), subtract(c(1), square(t, s), s), s);
  return multiply(c(0.5), add(add(c(1), t, s), rising, s), s);
}

/// dy/dx of y = op(x); nothing for step functions and for what has integers as values. Not for operations that have no
/// complex derivative (abs, conjugate).
std::optional<array> derivative(UnaryOp op, const array& x, const array& y, StreamOrDevice s) {
  const auto c = [&](double value) { return constant_like(value, x); };
  switch (op) {
    case UnaryOp::negative:
      return c(-1);
    case UnaryOp::square:
      return multiply(c(2), x, s);
    case UnaryOp::sqrt:
      return divide(c(0.5), y, s);
    case UnaryOp::rsqrt:
      return multiply(c(-0.5), multiply(y, square(y, s), s), s);
    case UnaryOp::exp:
      return y;
    case UnaryOp::expm1:
      return add(y, c(1), s);
    case UnaryOp::log:
      return divide(c(1), x, s);
    case UnaryOp::log2:
      return divide(c(1 / ln2), x, s);
    case UnaryOp::log10:
      return divide(c(1 / ln10), x, s);
    case UnaryOp::log1p:
      return divide(c(1), add(x, c(1), s), s);
    case UnaryOp::sin:
      return cos(x, s);
    case UnaryOp::cos:
      return negative(sin(x, s), s);
    case UnaryOp::tan:
      return add(c(1), square(y, s), s);
    case UnaryOp::arcsin:
      return rsqrt(subtract(c(1), square(x, s), s), s);
    case UnaryOp::arccos:
      return negative(rsqrt(subtract(c(1), square(x, s), s), s), s);
    case UnaryOp::arctan:
      return divide(c(1), add(c(1), square(x, s), s), s);
    case UnaryOp::sinh:
      return cosh(x, s);
    case UnaryOp::cosh:
      return sinh(x, s);
    case UnaryOp::tanh:
      return subtract(c(1), square(y, s), s);
    case UnaryOp::arcsinh:
      return rsqrt(add(square(x, s), c(1), s), s);
    case UnaryOp::arccosh:
      return rsqrt(subtract(square(x, s), c(1), s), s);
    case UnaryOp::arctanh:
      return divide(c(1), subtract(c(1), square(x, s), s), s);
    case UnaryOp::sigmoid:
      return multiply(y, subtract(c(1), y, s), s);
    case UnaryOp::erf:
      return multiply(c(2 * inv_sqrtpi), exp(negative(square(x, s), s), s), s);
    case UnaryOp::erfinv:
      return multiply(c(0.5 / inv_sqrtpi), exp(square(y, s), s), s);
    case UnaryOp::silu: {
      const array sig = sigmoid(x, s);
      return multiply(sig, add(c(1), multiply(x, subtract(c(1), sig, s), s), s), s);
    }
    case UnaryOp::gelu:
      return gelu_derivative(x, s);
    case UnaryOp::gelu_tanh:
      return gelu_tanh_derivative(x, s);
    default:
      return std::nullopt;
  }
}

/// ∂y/∂inputs[which] of y = op(a, b); nothing for step functions and for what has integers as values.
std::optional<array> partial_derivative(BinaryOp op, int which, const array& a, const array& b, const array& y,
                                        StreamOrDevice s) {
  const auto c = [&](double value) { return constant_like(value, a); };
  const bool left = which == 0;
  switch (op) {
    case BinaryOp::add:
      return c(1);
    case BinaryOp::subtract:
      return c(left ? 1 : -1);
    case BinaryOp::multiply:
      return left ? b : a;
    case BinaryOp::divide:
      return left ? divide(c(1), b, s) : negative(divide(y, b, s), s);
    case BinaryOp::remainder:
      return left ? c(1) : negative(floor_divide(a, b, s), s);
    case BinaryOp::power: {
      if (left) {
        // x⁰ is flat everywhere, where the formula has 0 · 0⁻¹.
        const array slope = multiply(b, power(a, subtract(b, c(1), s), s), s);
        return where(equal(b, c(0), s), c(0), slope, s);
      }
      return multiply(y, log(where(equal(a, c(0), s), c(1), a, s), s), s);
    }
    // Of two equal arguments the second one is taken.
    case BinaryOp::maximum:
      return astype(left ? greater(a, b, s) : less_equal(a, b, s), a.dtype(), s);
    case BinaryOp::minimum:
      return astype(left ? less(a, b, s) : greater_equal(a, b, s), a.dtype(), s);
    case BinaryOp::logaddexp:
      return sigmoid(left ? subtract(a, b, s) : subtract(b, a, s), s);
    case BinaryOp::arctan2: {
      const array norm = add(square(a, s), square(b, s), s);
      return left ? divide(b, norm, s) : negative(divide(a, norm, s), s);
    }
    default:
      return std::nullopt;
  }
}

/// x · factor, without the product where the factor is 1 or −1 everywhere.
array scaled(const array& x, BinaryOp op, int which, const array& factor, StreamOrDevice s) {
  if (op == BinaryOp::add || ((op == BinaryOp::subtract || op == BinaryOp::remainder) && which == 0)) return x;
  if (op == BinaryOp::subtract) return negative(x, s);
  return multiply(x, factor, s);
}

}  // namespace

std::vector<array> Unary::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                              const std::vector<int>&, const std::vector<array>& outputs) const {
  const array& x = primals[0];
  const array& cotangent = cotangents[0];
  const Stream s = stream();
  if (op == UnaryOp::negative) return {mica::negative(cotangent, s)};
  if (op == UnaryOp::conjugate) return {mica::conjugate(cotangent, s)};
  if (op == UnaryOp::abs) return {multiply(cotangent, sign(x, s), s)};
  const auto slope = derivative(op, x, outputs[0], s);
  return {slope ? multiply(cotangent, mica::conjugate(*slope, s), s) : zeros_like(x, s)};
}

std::vector<array> Unary::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                              const std::vector<int>&) const {
  const array& x = primals[0];
  const array& tangent = tangents[0];
  const Stream s = stream();
  if (op == UnaryOp::negative) return {mica::negative(tangent, s)};
  if (op == UnaryOp::conjugate) return {mica::conjugate(tangent, s)};
  if (op == UnaryOp::abs) return {real(multiply(tangent, mica::conjugate(sign(x, s), s), s), s)};
  const array y = apply<Unary>({x}, s, op);
  const auto slope = derivative(op, x, y, s);
  return {slope ? multiply(tangent, *slope, s) : zeros_like(y, s)};
}

std::vector<array> Binary::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                               const std::vector<int>& argnums, const std::vector<array>& outputs) const {
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    const auto factor = partial_derivative(op, which, primals[0], primals[1], outputs[0], stream());
    out.push_back(factor ? scaled(cotangents[0], op, which, mica::conjugate(*factor, stream()), stream())
                         : zeros_like(primals[0], stream()));
  }
  return out;
}

std::vector<array> Binary::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                               const std::vector<int>& argnums) const {
  const array y = apply<Binary>(primals, stream(), op);
  std::vector<array> terms;
  terms.reserve(argnums.size());
  for (size_t i = 0; i < argnums.size(); ++i) {
    const auto factor = partial_derivative(op, argnums[i], primals[0], primals[1], y, stream());
    terms.push_back(factor ? scaled(tangents[i], op, argnums[i], *factor, stream()) : zeros_like(y, stream()));
  }
  return {sum_of(terms, stream())};
}

std::vector<array> Select::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                               const std::vector<int>& argnums, const std::vector<array>&) const {
  const array& cotangent = cotangents[0];
  const array zero = constant_like(0, cotangent);
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    out.push_back(which == 0   ? zeros_like(primals[0], stream())
                  : which == 1 ? where(primals[0], cotangent, zero, stream())
                               : where(primals[0], zero, cotangent, stream()));
  }
  return out;
}

std::vector<array> Select::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                               const std::vector<int>& argnums) const {
  array x = constant_like(0, primals[1]);
  array y = x;
  for (size_t i = 0; i < argnums.size(); ++i) {
    if (argnums[i] == 1) x = tangents[i];
    if (argnums[i] == 2) y = tangents[i];
  }
  return {where(primals[0], x, y, stream())};
}

std::vector<array> AsType::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                               const std::vector<int>&, const std::vector<array>&) const {
  return {astype(cotangents[0], primals[0].dtype(), stream())};
}

std::vector<array> AsType::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                               const std::vector<int>&) const {
  return {astype(tangents[0], dtype, stream())};
}

std::vector<array> ComplexPart::vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                                    const std::vector<int>&, const std::vector<array>&) const {
  const array cotangent = astype(cotangents[0], complex64, stream());
  return {part == 0 ? cotangent : multiply(cotangent, array(complex64_t(0, 1)), stream())};
}

std::vector<array> ComplexPart::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                    const std::vector<int>&) const {
  return {apply<ComplexPart>(tangents, stream(), part)};
}

}  // namespace mica
