#pragma once

#include <optional>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"
#include "mica/array/utils.h"
#include "mica/ops/elementwise_ops.h"

namespace mica {

// Element by element, with NumPy's broadcasting and MLX's type promotion. Functions of real analysis (exp, sqrt …) turn
// integers into float32. Results of float16 and bfloat16 are computed in float32 and rounded once.

/// Absolute values; of complex numbers float32. Unsigned integers and bool stay as they are.
array abs(const array& a, StreamOrDevice s = {});
/// −a; throws std::invalid_argument for bool.
array negative(const array& a, StreamOrDevice s = {});
array operator-(const array& a);
/// a itself.
array positive(const array& a, StreamOrDevice s = {});
/// −1, 0 or 1; NaN stays NaN; for complex numbers x/|x|.
array sign(const array& a, StreamOrDevice s = {});
array reciprocal(const array& a, StreamOrDevice s = {});
array floor(const array& a, StreamOrDevice s = {});
array ceil(const array& a, StreamOrDevice s = {});
array trunc(const array& a, StreamOrDevice s = {});
/// To `decimals` places, halves to even.
array round(const array& a, int decimals, StreamOrDevice s = {});
inline array round(const array& a, StreamOrDevice s = {}) {
  return round(a, 0, s);
}
array square(const array& a, StreamOrDevice s = {});
array sqrt(const array& a, StreamOrDevice s = {});
array rsqrt(const array& a, StreamOrDevice s = {});
array exp(const array& a, StreamOrDevice s = {});
array expm1(const array& a, StreamOrDevice s = {});
array log(const array& a, StreamOrDevice s = {});
array log2(const array& a, StreamOrDevice s = {});
array log10(const array& a, StreamOrDevice s = {});
array log1p(const array& a, StreamOrDevice s = {});
array sin(const array& a, StreamOrDevice s = {});
array cos(const array& a, StreamOrDevice s = {});
array tan(const array& a, StreamOrDevice s = {});
array arcsin(const array& a, StreamOrDevice s = {});
array arccos(const array& a, StreamOrDevice s = {});
array arctan(const array& a, StreamOrDevice s = {});
array sinh(const array& a, StreamOrDevice s = {});
array cosh(const array& a, StreamOrDevice s = {});
array tanh(const array& a, StreamOrDevice s = {});
array arcsinh(const array& a, StreamOrDevice s = {});
array arccosh(const array& a, StreamOrDevice s = {});
array arctanh(const array& a, StreamOrDevice s = {});
array degrees(const array& a, StreamOrDevice s = {});
array radians(const array& a, StreamOrDevice s = {});
array sigmoid(const array& a, StreamOrDevice s = {});
array erf(const array& a, StreamOrDevice s = {});
array erfinv(const array& a, StreamOrDevice s = {});
array logical_not(const array& a, StreamOrDevice s = {});
array operator!(const array& a);
/// Integers only.
array bitwise_invert(const array& a, StreamOrDevice s = {});
array operator~(const array& a);
array isnan(const array& a, StreamOrDevice s = {});
array isinf(const array& a, StreamOrDevice s = {});
array isfinite(const array& a, StreamOrDevice s = {});
array isposinf(const array& a, StreamOrDevice s = {});
array isneginf(const array& a, StreamOrDevice s = {});
array real(const array& a, StreamOrDevice s = {});
array imag(const array& a, StreamOrDevice s = {});
array conjugate(const array& a, StreamOrDevice s = {});
/// The array itself; gradients do not flow through it.
array stop_gradient(const array& a, StreamOrDevice s = {});
/// NaN becomes `nan`; infinities become the given values or the dtype's largest and smallest finite ones.
array nan_to_num(const array& a, float nan = 0.0f, const std::optional<float>& posinf = std::nullopt,
                 const std::optional<float>& neginf = std::nullopt, StreamOrDevice s = {});

/// Sums, differences and products, in the dtype that both promote to.
array add(const array& a, const array& b, StreamOrDevice s = {});
array subtract(const array& a, const array& b, StreamOrDevice s = {});
array multiply(const array& a, const array& b, StreamOrDevice s = {});
/// True division; integers become float32.
array divide(const array& a, const array& b, StreamOrDevice s = {});
/// Rounds down, integers too (MLX truncates integers). An integer divided by zero gives 0.
array floor_divide(const array& a, const array& b, StreamOrDevice s = {});
/// The sign of the divisor. An integer's remainder by zero is 0.
array remainder(const array& a, const array& b, StreamOrDevice s = {});
std::vector<array> divmod(const array& a, const array& b, StreamOrDevice s = {});
/// An integer to a negative power is 0, except for ±1.
array power(const array& a, const array& b, StreamOrDevice s = {});
/// NaN if either argument is.
array maximum(const array& a, const array& b, StreamOrDevice s = {});
array minimum(const array& a, const array& b, StreamOrDevice s = {});
array logaddexp(const array& a, const array& b, StreamOrDevice s = {});
array arctan2(const array& a, const array& b, StreamOrDevice s = {});
/// Integers and bool.
array bitwise_and(const array& a, const array& b, StreamOrDevice s = {});
array bitwise_or(const array& a, const array& b, StreamOrDevice s = {});
array bitwise_xor(const array& a, const array& b, StreamOrDevice s = {});
/// Shifts by the type's width or more give 0 (or −1 for negative numbers shifted right).
array left_shift(const array& a, const array& b, StreamOrDevice s = {});
array right_shift(const array& a, const array& b, StreamOrDevice s = {});
array equal(const array& a, const array& b, StreamOrDevice s = {});
array not_equal(const array& a, const array& b, StreamOrDevice s = {});
array greater(const array& a, const array& b, StreamOrDevice s = {});
array greater_equal(const array& a, const array& b, StreamOrDevice s = {});
array less(const array& a, const array& b, StreamOrDevice s = {});
array less_equal(const array& a, const array& b, StreamOrDevice s = {});
array logical_and(const array& a, const array& b, StreamOrDevice s = {});
array logical_or(const array& a, const array& b, StreamOrDevice s = {});
array logical_xor(const array& a, const array& b, StreamOrDevice s = {});
array isclose(const array& a, const array& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false,
              StreamOrDevice s = {});
array clip(const array& a, const std::optional<array>& a_min = std::nullopt,
           const std::optional<array>& a_max = std::nullopt, StreamOrDevice s = {});

/// x where the condition holds, else y.
array where(const array& condition, const array& x, const array& y, StreamOrDevice s = {});

/// Converts the elements. Floats to integers truncate towards zero.
array astype(array a, Dtype dtype, StreamOrDevice s = {});

/// The shape that both broadcast to; throws std::invalid_argument when there is none.
Shape broadcast_shapes(const Shape& a, const Shape& b);

// Activations as single kernels; nn has the functions of MLX's names.
/// a · sigmoid(a), and the Gaussian error linear unit, exactly and by tanh.
array silu(const array& a, StreamOrDevice s = {});
array gelu_exact(const array& a, StreamOrDevice s = {});
array gelu_tanh(const array& a, StreamOrDevice s = {});

/// Numbers that operators take beside an array; they become scalars of their own dtype (double: float32).
template <typename T>
concept ScalarOperand = std::is_arithmetic_v<T> || std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t> ||
                        std::is_same_v<T, complex64_t>;

/// The operators that C++ has, between arrays and between an array and a scalar.
#define MICA_ARRAY_OPERATOR(op, function)                    \
  inline array operator op(const array& a, const array& b) { \
    return function(a, b);                                   \
  }
#define MICA_BINARY_OPERATOR(op, function) \
  MICA_ARRAY_OPERATOR(op, function)        \
  template <ScalarOperand T>               \
  array operator op(T a, const array& b) { \
    return function(array(a), b);          \
  }                                        \
  template <ScalarOperand T>               \
  array operator op(const array& a, T b) { \
    return function(a, array(b));          \
  }
/// The function of the operator's meaning.
MICA_BINARY_OPERATOR(+, add)
MICA_BINARY_OPERATOR(-, subtract)
MICA_BINARY_OPERATOR(*, multiply)
MICA_BINARY_OPERATOR(%, remainder)
MICA_BINARY_OPERATOR(==, equal)
MICA_BINARY_OPERATOR(!=, not_equal)
MICA_BINARY_OPERATOR(>, greater)
MICA_BINARY_OPERATOR(>=, greater_equal)
MICA_BINARY_OPERATOR(<, less)
MICA_BINARY_OPERATOR(<=, less_equal)
MICA_BINARY_OPERATOR(&&, logical_and)
MICA_BINARY_OPERATOR(||, logical_or)
MICA_BINARY_OPERATOR(&, bitwise_and)
MICA_BINARY_OPERATOR(|, bitwise_or)
MICA_BINARY_OPERATOR(^, bitwise_xor)
MICA_BINARY_OPERATOR(<<, left_shift)
MICA_BINARY_OPERATOR(>>, right_shift)
/// The quotient.
MICA_ARRAY_OPERATOR(/, divide)
/// A number that divides or is divided is float32, whatever its type, so that 1 / 2 of halves is float32 as in MLX.
inline array operator/(double a, const array& b) {
  return divide(array(a), b);
}
inline array operator/(const array& a, double b) {
  return divide(a, array(b));
}
#undef MICA_ARRAY_OPERATOR
#undef MICA_BINARY_OPERATOR

// Primitives.

/// A function of each element. One input; the output has its shape, and its dtype but for predicates (bool) and abs of
/// complex numbers (float32).
struct Unary final : PrimitiveOf<Unary> {
  Unary(Stream stream, UnaryOp unary_op) : PrimitiveOf(stream), op(unary_op) {}
  std::string_view name() const override;
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(op); }
  UnaryOp op;
};

/// Both inputs have the output's shape.
struct Binary final : PrimitiveOf<Binary> {
  Binary(Stream stream, BinaryOp binary_op) : PrimitiveOf(stream), op(binary_op) {}
  std::string_view name() const override;
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(op); }
  BinaryOp op;
};

/// Inputs: condition (bool), x, y, all of one shape.
struct Select final : PrimitiveOf<Select> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "where"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

/// The elements as another dtype.
struct AsType final : PrimitiveOf<AsType> {
  AsType(Stream stream, Dtype target) : PrimitiveOf(stream), dtype(target) {}
  std::string_view name() const override { return "astype"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(dtype); }
  Dtype dtype;
};

/// The real (part 0) or imaginary (part 1) part of complex numbers.
struct ComplexPart final : PrimitiveOf<ComplexPart> {
  ComplexPart(Stream stream, int which) : PrimitiveOf(stream), part(which) {}
  std::string_view name() const override { return part == 0 ? "real" : "imag"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(part); }
  int part;
};

}  // namespace mica
