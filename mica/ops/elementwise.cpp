#include "mica/ops/elementwise.h"

#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/common.h"
#include "mica/ops/create.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

constexpr std::array<std::string_view, kUnaryOps> kUnaryNames = {
    "abs",  "negative",  "sign",      "floor",          "ceil",        "trunc",  "round",  "square",
    "sqrt", "rsqrt",     "exp",       "expm1",          "log",         "log2",   "log10",  "log1p",
    "sin",  "cos",       "tan",       "arcsin",         "arccos",      "arctan", "sinh",   "cosh",
    "tanh", "arcsinh",   "arccosh",   "arctanh",        "sigmoid",     "erf",    "erfinv", "silu",
    "gelu", "gelu_tanh", "conjugate", "bitwise_invert", "logical_not", "isnan",  "isinf",  "isfinite"};

constexpr std::array<std::string_view, kBinaryOps> kBinaryNames = {
    "add",     "subtract",  "multiply", "divide",        "floor_divide", "remainder",   "power",       "maximum",
    "minimum", "logaddexp", "arctan2",  "bitwise_and",   "bitwise_or",   "bitwise_xor", "left_shift",  "right_shift",
    "equal",   "not_equal", "greater",  "greater_equal", "less",         "less_equal",  "logical_and", "logical_or"};

array unary(const array& a, UnaryOp op, StreamOrDevice s) {
  return apply<Unary>({a}, to_stream(s), op);
}

/// For functions of real analysis: integers and bool become float32.
array unary_inexact(const array& a, UnaryOp op, StreamOrDevice s) {
  return unary(issubdtype(a.dtype(), inexact) ? a : astype(a, float32, s), op, s);
}

/// For roundings: integers stay as they are.
array unary_rounding(const array& a, UnaryOp op, StreamOrDevice s) {
  if (issubdtype(a.dtype(), complexfloating)) {
    fail_as<std::invalid_argument>("[{}] not defined for complex numbers", kUnaryNames[static_cast<size_t>(op)]);
  }
  return issubdtype(a.dtype(), floating) ? unary(a, op, s) : a;
}

array binary(const array& a, const array& b, BinaryOp op, Dtype dtype, StreamOrDevice s) {
  const Shape shape = a.shape() == b.shape() ? a.shape() : broadcast_shapes(a.shape(), b.shape());
  return apply<Binary>({broadcast_to(astype(a, dtype, s), shape, s), broadcast_to(astype(b, dtype, s), shape, s)},
                       to_stream(s), op);
}

array binary(const array& a, const array& b, BinaryOp op, StreamOrDevice s) {
  return binary(a, b, op, promote_types(a.dtype(), b.dtype()), s);
}

array bitwise(const array& a, const array& b, BinaryOp op, StreamOrDevice s) {
  const Dtype dtype = promote_types(a.dtype(), b.dtype());
  if (!issubdtype(dtype, integer) && dtype != bool_) {
    fail_as<std::invalid_argument>("[{}] needs integers or bool, not {}", kBinaryNames[static_cast<size_t>(op)],
                                   dtype_name(dtype));
  }
  return binary(a, b, op, dtype, s);
}

}  // namespace

std::string_view Unary::name() const {
  return kUnaryNames[static_cast<size_t>(op)];
}

std::vector<OutputSpec> Unary::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  return {{inputs[0].shape(), is_predicate(op)                                       ? bool_
                              : op == UnaryOp::abs && inputs[0].dtype() == complex64 ? float32
                                                                                     : inputs[0].dtype()}};
}

std::string_view Binary::name() const {
  return kBinaryNames[static_cast<size_t>(op)];
}

std::vector<OutputSpec> Binary::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 2, name());
  check_dtype(inputs[1], inputs[0].dtype(), name());
  check_shape(inputs[1], inputs[0].shape(), name());
  return {{inputs[0].shape(), is_predicate(op) ? bool_ : inputs[0].dtype()}};
}

std::vector<OutputSpec> Select::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3, name());
  check_dtype(inputs[0], bool_, name());
  check_dtype(inputs[2], inputs[1].dtype(), name());
  check_shape(inputs[0], inputs[1].shape(), name());
  check_shape(inputs[2], inputs[1].shape(), name());
  return {{inputs[1].shape(), inputs[1].dtype()}};
}

std::vector<OutputSpec> AsType::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  return {{inputs[0].shape(), dtype}};
}

std::vector<OutputSpec> ComplexPart::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_dtype(inputs[0], complex64, name());
  if (part != 0 && part != 1) fail_as<std::invalid_argument>("[{}] there is no part {}", name(), part);
  return {{inputs[0].shape(), float32}};
}

array abs(const array& a, StreamOrDevice s) {
  return issubdtype(a.dtype(), unsignedinteger) || a.dtype() == bool_ ? a : unary(a, UnaryOp::abs, s);
}
array negative(const array& a, StreamOrDevice s) {
  if (a.dtype() == bool_) fail_as<std::invalid_argument>("[negative] not defined for bool; use logical_not");
  return unary(a, UnaryOp::negative, s);
}
array operator-(const array& a) {
  return negative(a);
}
array positive(const array& a, StreamOrDevice) {
  return a;
}
array sign(const array& a, StreamOrDevice s) {
  return unary(a, UnaryOp::sign, s);
}
array reciprocal(const array& a, StreamOrDevice s) {
  const Dtype dtype = at_least_float(a.dtype());
  return divide(array(1.0f, dtype), astype(a, dtype, s), s);
}
array floor(const array& a, StreamOrDevice s) {
  return unary_rounding(a, UnaryOp::floor, s);
}
array ceil(const array& a, StreamOrDevice s) {
  return unary_rounding(a, UnaryOp::ceil, s);
}
array trunc(const array& a, StreamOrDevice s) {
  return unary_rounding(a, UnaryOp::trunc, s);
}

array round(const array& a, int decimals, StreamOrDevice s) {
  if (decimals == 0) return unary_rounding(a, UnaryOp::round, s);
  const array scale(std::pow(10.0f, static_cast<float>(std::abs(decimals))), at_least_float(a.dtype()));
  const array scaled = decimals > 0 ? multiply(a, scale, s) : divide(a, scale, s);
  const array rounded = unary_rounding(scaled, UnaryOp::round, s);
  return astype(decimals > 0 ? divide(rounded, scale, s) : multiply(rounded, scale, s), a.dtype(), s);
}

array square(const array& a, StreamOrDevice s) {
  return unary(a, UnaryOp::square, s);
}
array sqrt(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::sqrt, s);
}
array rsqrt(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::rsqrt, s);
}
array exp(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::exp, s);
}
array expm1(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::expm1, s);
}
array log(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::log, s);
}
array log2(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::log2, s);
}
array log10(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::log10, s);
}
array log1p(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::log1p, s);
}
array sin(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::sin, s);
}
array cos(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::cos, s);
}
array tan(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::tan, s);
}
array arcsin(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::arcsin, s);
}
array arccos(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::arccos, s);
}
array arctan(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::arctan, s);
}
array sinh(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::sinh, s);
}
array cosh(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::cosh, s);
}
array tanh(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::tanh, s);
}
array arcsinh(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::arcsinh, s);
}
array arccosh(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::arccosh, s);
}
array arctanh(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::arctanh, s);
}

array degrees(const array& a, StreamOrDevice s) {
  return multiply(a, array(180.0 / std::numbers::pi, at_least_float(a.dtype())), s);
}
array radians(const array& a, StreamOrDevice s) {
  return multiply(a, array(std::numbers::pi / 180.0, at_least_float(a.dtype())), s);
}

array sigmoid(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::sigmoid, s);
}
array erf(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::erf, s);
}
array erfinv(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::erfinv, s);
}
array silu(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::silu, s);
}
array gelu_exact(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::gelu, s);
}
array gelu_tanh(const array& a, StreamOrDevice s) {
  return unary_inexact(a, UnaryOp::gelu_tanh, s);
}

array logical_not(const array& a, StreamOrDevice s) {
  return unary(astype(a, bool_, s), UnaryOp::logical_not, s);
}
array operator!(const array& a) {
  return logical_not(a);
}

array bitwise_invert(const array& a, StreamOrDevice s) {
  if (!issubdtype(a.dtype(), integer)) fail_as<std::invalid_argument>("[bitwise_invert] needs integers");
  return unary(a, UnaryOp::bitwise_invert, s);
}
array operator~(const array& a) {
  return bitwise_invert(a);
}

array isnan(const array& a, StreamOrDevice s) {
  return issubdtype(a.dtype(), inexact) ? unary(a, UnaryOp::isnan, s) : full(a.shape(), false, bool_, s);
}
array isinf(const array& a, StreamOrDevice s) {
  return issubdtype(a.dtype(), inexact) ? unary(a, UnaryOp::isinf, s) : full(a.shape(), false, bool_, s);
}
array isfinite(const array& a, StreamOrDevice s) {
  return issubdtype(a.dtype(), inexact) ? unary(a, UnaryOp::isfinite, s) : full(a.shape(), true, bool_, s);
}
array isposinf(const array& a, StreamOrDevice s) {
  if (!issubdtype(a.dtype(), floating)) return full(a.shape(), false, bool_, s);
  return equal(a, array(std::numeric_limits<float>::infinity(), a.dtype()), s);
}
array isneginf(const array& a, StreamOrDevice s) {
  if (!issubdtype(a.dtype(), floating)) return full(a.shape(), false, bool_, s);
  return equal(a, array(-std::numeric_limits<float>::infinity(), a.dtype()), s);
}

array real(const array& a, StreamOrDevice s) {
  return a.dtype() == complex64 ? apply<ComplexPart>({a}, to_stream(s), 0) : a;
}
array imag(const array& a, StreamOrDevice s) {
  return a.dtype() == complex64 ? apply<ComplexPart>({a}, to_stream(s), 1) : zeros_like(a, s);
}
array conjugate(const array& a, StreamOrDevice s) {
  return a.dtype() == complex64 ? unary(a, UnaryOp::conjugate, s) : a;
}

array nan_to_num(const array& a, float nan, const std::optional<float>& posinf, const std::optional<float>& neginf,
                 StreamOrDevice s) {
  if (!issubdtype(a.dtype(), floating)) return a;
  const double largest = a.dtype() == float16    ? 65504.0
                         : a.dtype() == bfloat16 ? 0x1.fep127
                         : a.dtype() == float64  ? std::numeric_limits<double>::max()
                                                 : static_cast<double>(std::numeric_limits<float>::max());
  const array high(posinf ? static_cast<double>(*posinf) : largest, a.dtype());
  const array low(neginf ? static_cast<double>(*neginf) : -largest, a.dtype());
  array out = where(isnan(a, s), array(nan, a.dtype()), a, s);
  out = where(isposinf(a, s), high, out, s);
  return where(isneginf(a, s), low, out, s);
}

array add(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::add, s);
}
array subtract(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::subtract, s);
}
array multiply(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::multiply, s);
}
array divide(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::divide, at_least_float(promote_types(a.dtype(), b.dtype())), s);
}
array floor_divide(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::floor_divide, s);
}
array remainder(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::remainder, s);
}
std::vector<array> divmod(const array& a, const array& b, StreamOrDevice s) {
  return {floor_divide(a, b, s), remainder(a, b, s)};
}
array power(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::power, s);
}
array maximum(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::maximum, s);
}
array minimum(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::minimum, s);
}
array logaddexp(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::logaddexp, at_least_float(promote_types(a.dtype(), b.dtype())), s);
}
array arctan2(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::arctan2, at_least_float(promote_types(a.dtype(), b.dtype())), s);
}
array bitwise_and(const array& a, const array& b, StreamOrDevice s) {
  return bitwise(a, b, BinaryOp::bitwise_and, s);
}
array bitwise_or(const array& a, const array& b, StreamOrDevice s) {
  return bitwise(a, b, BinaryOp::bitwise_or, s);
}
array bitwise_xor(const array& a, const array& b, StreamOrDevice s) {
  return bitwise(a, b, BinaryOp::bitwise_xor, s);
}
array left_shift(const array& a, const array& b, StreamOrDevice s) {
  return bitwise(a, b, BinaryOp::left_shift, s);
}
array right_shift(const array& a, const array& b, StreamOrDevice s) {
  return bitwise(a, b, BinaryOp::right_shift, s);
}
array equal(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::equal, s);
}
array not_equal(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::not_equal, s);
}
array greater(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::greater, s);
}
array greater_equal(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::greater_equal, s);
}
array less(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::less, s);
}
array less_equal(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::less_equal, s);
}
array logical_and(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::logical_and, bool_, s);
}
array logical_or(const array& a, const array& b, StreamOrDevice s) {
  return binary(a, b, BinaryOp::logical_or, bool_, s);
}

array logical_xor(const array& a, const array& b, StreamOrDevice s) {
  return not_equal(astype(a, bool_, s), astype(b, bool_, s), s);
}

array isclose(const array& a, const array& b, double rtol, double atol, bool equal_nan, StreamOrDevice s) {
  const Dtype dtype = at_least_float(promote_types(a.dtype(), b.dtype()));
  const array x = astype(a, dtype, s);
  const array y = astype(b, dtype, s);
  const Dtype tolerance_dtype = dtype == complex64 ? float32 : dtype;
  const array tolerance = add(array(atol, tolerance_dtype), multiply(array(rtol, tolerance_dtype), abs(y, s), s), s);
  array close = less_equal(abs(subtract(x, y, s), s), tolerance, s);
  // Infinities are close to themselves only: their difference is NaN or infinite, and so is the tolerance.
  close = logical_and(close, logical_and(isfinite(x, s), isfinite(y, s), s), s);
  close = logical_or(close, equal(x, y, s), s);
  return equal_nan ? logical_or(close, logical_and(isnan(x, s), isnan(y, s), s), s) : close;
}

array clip(const array& a, const std::optional<array>& a_min, const std::optional<array>& a_max, StreamOrDevice s) {
  if (!a_min && !a_max) fail_as<std::invalid_argument>("[clip] needs a lower or an upper bound");
  const array raised = a_min ? maximum(a, *a_min, s) : a;
  return a_max ? minimum(raised, *a_max, s) : raised;
}

array where(const array& condition, const array& x, const array& y, StreamOrDevice s) {
  const Dtype dtype = promote_types(x.dtype(), y.dtype());
  const Shape shape = broadcast_shapes(condition.shape(), broadcast_shapes(x.shape(), y.shape()));
  return apply<Select>({broadcast_to(astype(condition, bool_, s), shape, s),
                        broadcast_to(astype(x, dtype, s), shape, s), broadcast_to(astype(y, dtype, s), shape, s)},
                       to_stream(s));
}

array astype(array a, Dtype dtype, StreamOrDevice s) {
  return a.dtype() == dtype ? a : apply<AsType>({std::move(a)}, to_stream(s), dtype);
}

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape out = longer;
  const size_t skip = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    ShapeElem& length = out[skip + i];
    if (length == shorter[i] || shorter[i] == 1) continue;
    if (length != 1) {
      fail_as<std::invalid_argument>("[broadcast_shapes] shapes {} and {} cannot be broadcast", to_string(a),
                                     to_string(b));
    }
    length = shorter[i];
  }
  return out;
}

}  // namespace mica
