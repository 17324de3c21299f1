#pragma once

// Element-by-element operations on vectors, and the list of them: what loops over arrays and over strips are made of.

#include "mica/cpu/kernels/simd_power.h"
#include "mica/ops/elementwise_ops.h"

namespace mica::cpu::MICA_ISA_NS {

inline F32 do_abs(F32 x) {
  return abs(x);
}
inline F32 do_negative(F32 x) {
  return F32(-0.0f) - x;
}
inline F32 do_square(F32 x) {
  return x * x;
}
inline F32 do_sqrt(F32 x) {
  return sqrt(x);
}
inline F32 do_rsqrt(F32 x) {
  return F32(1.0f) / sqrt(x);
}
inline F32 do_exp(F32 x) {
  return exp(x);
}
inline F32 do_tanh(F32 x) {
  return keep_zero(x, tanh(x));
}
inline F32 do_round(F32 x) {
  return round(x);
}
inline F32 do_floor(F32 x) {
  return floor(x);
}
inline F32 do_ceil(F32 x) {
  return do_negative(floor(do_negative(x)));
}
inline F32 do_trunc(F32 x) {
  return copysign(floor(abs(x)), x);
}
inline F32 do_sign(F32 x) {
  const F32 zero(0.0f);
  return select(zero < x, F32(1.0f), select(x < zero, F32(-1.0f), select(x == zero, zero, x)));
}
inline F32 do_sigmoid(F32 x) {
  return F32(1.0f) / (F32(1.0f) + exp(F32(0.0f) - x));
}
inline F32 do_silu(F32 x) {
  return x / (F32(1.0f) + exp(F32(0.0f) - x));
}
inline F32 do_gelu(F32 x) {
  return x * F32(0.5f) * (F32(1.0f) + erf(x * F32(0.70710678118654752f)));
}
inline F32 do_gelu_tanh(F32 x) {
  const F32 inner = F32(0.7978845608028654f) * fma(F32(0.044715f) * x * x, x, x);
  return F32(0.5f) * x * (F32(1.0f) + tanh(inner));
}

inline F32 do_add(F32 x, F32 y) {
  return x + y;
}
inline F32 do_subtract(F32 x, F32 y) {
  return x - y;
}
inline F32 do_multiply(F32 x, F32 y) {
  return x * y;
}
inline F32 do_divide(F32 x, F32 y) {
  return x / y;
}
// A NaN in x is caught by the comparison, one in y by max and min themselves.
inline F32 do_maximum(F32 x, F32 y) {
  return select(x == x, max(x, y), x);
}
inline F32 do_minimum(F32 x, F32 y) {
  return select(x == x, min(x, y), x);
}

/// Calls table.unary<function>(op) and table.binary<function>(op) for every operation that there is for vectors.
template <typename Table>
constexpr void list_operations(Table& table) {
  table.template unary<do_abs>(UnaryOp::abs);
  table.template unary<do_negative>(UnaryOp::negative);
  table.template unary<do_square>(UnaryOp::square);
  table.template unary<do_sqrt>(UnaryOp::sqrt);
  table.template unary<do_rsqrt>(UnaryOp::rsqrt);
  table.template unary<do_exp>(UnaryOp::exp);
  table.template unary<do_tanh>(UnaryOp::tanh);
  table.template unary<do_round>(UnaryOp::round);
  table.template unary<do_sigmoid>(UnaryOp::sigmoid);
  table.template unary<do_silu>(UnaryOp::silu);
  table.template unary<do_gelu_tanh>(UnaryOp::gelu_tanh);
  table.template unary<do_gelu>(UnaryOp::gelu);
  table.template unary<erf>(UnaryOp::erf);
  table.template unary<erfinv>(UnaryOp::erfinv);
  table.template unary<do_sign>(UnaryOp::sign);
  table.template unary<do_floor>(UnaryOp::floor);
  table.template unary<do_ceil>(UnaryOp::ceil);
  table.template unary<do_trunc>(UnaryOp::trunc);
  table.template unary<expm1>(UnaryOp::expm1);
  table.template unary<log>(UnaryOp::log);
  table.template unary<log2>(UnaryOp::log2);
  table.template unary<log10>(UnaryOp::log10);
  table.template unary<log1p>(UnaryOp::log1p);
  table.template unary<sin>(UnaryOp::sin);
  table.template unary<cos>(UnaryOp::cos);
  table.template unary<tan>(UnaryOp::tan);
  table.template unary<arcsin>(UnaryOp::arcsin);
  table.template unary<arccos>(UnaryOp::arccos);
  table.template unary<arctan>(UnaryOp::arctan);
  table.template unary<sinh>(UnaryOp::sinh);
  table.template unary<cosh>(UnaryOp::cosh);
  table.template unary<arcsinh>(UnaryOp::arcsinh);
  table.template unary<arccosh>(UnaryOp::arccosh);
  table.template unary<arctanh>(UnaryOp::arctanh);
  table.template binary<do_add>(BinaryOp::add);
  table.template binary<do_subtract>(BinaryOp::subtract);
  table.template binary<do_multiply>(BinaryOp::multiply);
  table.template binary<do_divide>(BinaryOp::divide);
  table.template binary<do_maximum>(BinaryOp::maximum);
  table.template binary<do_minimum>(BinaryOp::minimum);
  table.template binary<pow>(BinaryOp::power);
}

}  // namespace mica::cpu::MICA_ISA_NS
