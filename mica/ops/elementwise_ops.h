#pragma once

namespace mica {

/// Operations of one argument. Kernel tables are indexed by these.
enum class UnaryOp {
  abs,
  negative,
  sign,
  floor,
  ceil,
  trunc,
  round,
  square,
  sqrt,
  rsqrt,
  exp,
  expm1,
  log,
  log2,
  log10,
  log1p,
  sin,
  cos,
  tan,
  arcsin,
  arccos,
  arctan,
  sinh,
  cosh,
  tanh,
  arcsinh,
  arccosh,
  arctanh,
  sigmoid,
  erf,
  erfinv,
  silu,       ///< x · sigmoid(x)
  gelu,       ///< x · Φ(x), with the exact normal distribution
  gelu_tanh,  ///< gelu with the tanh approximation of Φ
  conjugate,
  bitwise_invert,
  logical_not,
  isnan,
  isinf,
  isfinite,
};
inline constexpr int kUnaryOps = static_cast<int>(UnaryOp::isfinite) + 1;

/// Whether the result is bool, whatever the argument's type.
constexpr bool is_predicate(UnaryOp op) {
  return op >= UnaryOp::logical_not;
}

/// Operations of two arguments of one type.
enum class BinaryOp {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  remainder,
  power,
  maximum,
  minimum,
  logaddexp,
  arctan2,
  bitwise_and,
  bitwise_or,
  bitwise_xor,
  left_shift,
  right_shift,
  equal,
  not_equal,
  greater,
  greater_equal,
  less,
  less_equal,
  logical_and,
  logical_or,
};
inline constexpr int kBinaryOps = static_cast<int>(BinaryOp::logical_or) + 1;

/// Whether the result is bool, whatever the arguments' type.
constexpr bool is_predicate(BinaryOp op) {
  return op >= BinaryOp::equal;
}

}  // namespace mica
