#include "mica/cpu/elementwise_generic.h"

#include <cmath>
#include <complex>
#include <concepts>
#include <limits>
#include <numbers>
#include <type_traits>
#include <utility>

namespace mica::cpu {
namespace {

template <typename T>
concept Real = std::is_floating_point_v<T>;
template <typename T>
concept Complex = std::is_same_v<T, complex64_t>;
template <typename T>
concept Inexact = Real<T> || Complex<T>;
template <typename T>
concept Integer = std::is_integral_v<T> && !std::is_same_v<T, bool>;

/// Inverse of erf. Start: Giles, "Approximating the erfinv function" (GPU Computing Gems, 2012); then Newton steps
/// against the library's erf.
template <Real T>
T inverse_erf(T x) {
  if (!(std::abs(x) < 1)) return std::abs(x) == 1 ? std::copysign(std::numeric_limits<T>::infinity(), x) : T(NAN);
  double w = -std::log((1.0 - static_cast<double>(x)) * (1.0 + static_cast<double>(x)));
  double p = 0;
  if (w < 5.0) {
    w -= 2.5;
    constexpr double c[] = {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                            -0.00125372503, -0.00417768164, 0.246640727,    1.50140941};
    for (const double coefficient : c) p = p * w + coefficient;
  } else {
    w = std::sqrt(w) - 3.0;
    constexpr double c[] = {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                            -0.0076224613,   0.00943887047,  1.00167406,    2.83297682};
    for (const double coefficient : c) p = p * w + coefficient;
  }
  double y = p * static_cast<double>(x);
  for (int i = 0; i < 2; ++i) {
    const double slope = 2.0 / std::sqrt(std::numbers::pi) * std::exp(-y * y);
    if (slope > 0) y -= (std::erf(y) - static_cast<double>(x)) / slope;
  }
  return static_cast<T>(y);
}

template <typename T>
T integer_power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  }
  // Unsigned: overflow wraps around.
  uint64_t result = 1;
  auto factor = static_cast<uint64_t>(base);
  for (auto e = static_cast<uint64_t>(exponent); e > 0; e >>= 1) {
    if (e & 1) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

template <Integer T>
T wrap(uint64_t value) {
  return static_cast<T>(value);
}

template <typename T, typename F>
void loop(const void* x, void* out, int64_t count, F f) {
  const T* from = static_cast<const T*>(x);
  using R = decltype(f(from[0]));
  R* to = static_cast<R*>(out);
  for (int64_t i = 0; i < count; ++i) to[i] = f(from[i]);
}

template <UnaryOp op, typename T>
auto unary(T x) {
  using enum UnaryOp;
  if constexpr (op == abs) {
    if constexpr (Inexact<T>)
      return std::abs(x);
    else
      return x < T(0) ? wrap<T>(0 - static_cast<uint64_t>(x)) : x;
  } else if constexpr (op == negative) {
    if constexpr (Inexact<T>)
      return -x;
    else
      return wrap<T>(0 - static_cast<uint64_t>(x));
  } else if constexpr (op == sign) {
    if constexpr (Complex<T>)
      return x == T(0) ? x : x / std::abs(x);
    else if constexpr (Real<T>)
      return std::isnan(x) ? x : static_cast<T>((x > 0) - (x < 0));
    else
      return static_cast<T>((x > T(0)) - (x < T(0)));
  } else if constexpr (op == floor)
    return std::floor(x);
  else if constexpr (op == ceil)
    return std::ceil(x);
  else if constexpr (op == trunc)
    return std::trunc(x);
  else if constexpr (op == round)
    return std::nearbyint(x);
  else if constexpr (op == square) {
    if constexpr (Inexact<T>)
      return x * x;
    else
      return wrap<T>(static_cast<uint64_t>(x) * static_cast<uint64_t>(x));
  } else if constexpr (op == sqrt)
    return std::sqrt(x);
  else if constexpr (op == rsqrt)
    return T(1) / std::sqrt(x);
  else if constexpr (op == exp)
    return std::exp(x);
  else if constexpr (op == expm1) {
    if constexpr (Complex<T>)
      return std::exp(x) - T(1);
    else
      return std::expm1(x);
  } else if constexpr (op == log)
    return std::log(x);
  else if constexpr (op == log2) {
    if constexpr (Complex<T>)
      return std::log(x) / std::numbers::ln2_v<float>;
    else
      return std::log2(x);
  } else if constexpr (op == log10)
    return std::log10(x);
  else if constexpr (op == log1p) {
    if constexpr (Complex<T>)
      return std::log(T(1) + x);
    else
      return std::log1p(x);
  } else if constexpr (op == sin)
    return std::sin(x);
  else if constexpr (op == cos)
    return std::cos(x);
  else if constexpr (op == tan)
    return std::tan(x);
  else if constexpr (op == arcsin)
    return std::asin(x);
  else if constexpr (op == arccos)
    return std::acos(x);
  else if constexpr (op == arctan)
    return std::atan(x);
  else if constexpr (op == sinh)
    return std::sinh(x);
  else if constexpr (op == cosh)
    return std::cosh(x);
  else if constexpr (op == tanh)
    return std::tanh(x);
  else if constexpr (op == arcsinh)
    return std::asinh(x);
  else if constexpr (op == arccosh)
    return std::acosh(x);
  else if constexpr (op == arctanh)
    return std::atanh(x);
  else if constexpr (op == sigmoid)
    return T(1) / (T(1) + std::exp(-x));
  else if constexpr (op == silu)
    return x / (T(1) + std::exp(-x));
  else if constexpr (op == erf)
    return std::erf(x);
  else if constexpr (op == erfinv)
    return inverse_erf(x);
  else if constexpr (op == gelu)
    return x * T(0.5) * (T(1) + std::erf(x * (std::numbers::sqrt2_v<T> / 2)));
  else if constexpr (op == gelu_tanh) {
    constexpr T c = static_cast<T>(0.79788456080286535588);  // √(2/π)
    return T(0.5) * x * (T(1) + std::tanh(c * (x + T(0.044715) * x * x * x)));
  } else if constexpr (op == conjugate)
    return std::conj(x);
  else if constexpr (op == bitwise_invert)
    return static_cast<T>(~x);
  else if constexpr (op == logical_not)
    return !x;
  else if constexpr (op == isnan) {
    if constexpr (Complex<T>)
      return std::isnan(x.real()) || std::isnan(x.imag());
    else
      return std::isnan(x);
  } else if constexpr (op == isinf) {
    if constexpr (Complex<T>)
      return std::isinf(x.real()) || std::isinf(x.imag());
    else
      return std::isinf(x);
  } else {
    if constexpr (Complex<T>)
      return std::isfinite(x.real()) && std::isfinite(x.imag());
    else
      return std::isfinite(x);
  }
}

/// Which operations are defined for which types.
template <UnaryOp op, typename T>
constexpr bool has_unary() {
  using enum UnaryOp;
  if (op == logical_not) return std::is_same_v<T, bool>;
  if (op == bitwise_invert) return Integer<T>;
  if (op == conjugate) return Complex<T>;
  if (op == abs || op == negative || op == square) return Inexact<T> || Integer<T>;
  if (op == sign) return true;
  if (op == floor || op == ceil || op == trunc || op == round) return Real<T>;
  if (op == erf || op == erfinv || op == gelu || op == gelu_tanh) return Real<T>;
  return Inexact<T>;
}

template <typename T>
T floor_mod(T x, T y) {
  if constexpr (Real<T>) {
    const T r = std::fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
  } else {
    if (y == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (y == -1) return 0;  // the smallest number by −1 would overflow
      const T r = x % y;
      return r != 0 && (r < 0) != (y < 0) ? r + y : r;
    } else {
      return x % y;
    }
  }
}

template <typename T>
T floor_quotient(T x, T y) {
  if constexpr (Complex<T>) {
    const T q = x / y;
    return {std::floor(q.real()), std::floor(q.imag())};
  } else if constexpr (Real<T>) {
    return std::floor(x / y);
  } else {
    if (y == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (y == -1) return wrap<T>(0 - static_cast<uint64_t>(x));
      const T q = x / y;
      return x % y != 0 && (x < 0) != (y < 0) ? q - 1 : q;
    } else {
      return x / y;
    }
  }
}

template <typename T>
bool less_than(T x, T y) {
  if constexpr (Complex<T>)
    return x.real() != y.real() ? x.real() < y.real() : x.imag() < y.imag();
  else
    return x < y;
}

template <typename T>
bool is_nan(T x) {
  if constexpr (Complex<T>)
    return std::isnan(x.real()) || std::isnan(x.imag());
  else if constexpr (Real<T>)
    return std::isnan(x);
  else
    return false;
}

template <BinaryOp op, typename T>
auto binary(T x, T y) {
  using enum BinaryOp;
  [[maybe_unused]] const auto bits = [](T value) {
    if constexpr (Integer<T>)
      return static_cast<uint64_t>(value);
    else
      return uint64_t{0};
  };
  if constexpr (op == add) {
    if constexpr (Inexact<T>)
      return x + y;
    else if constexpr (Integer<T>)
      return wrap<T>(bits(x) + bits(y));
    else
      return x || y;
  } else if constexpr (op == subtract) {
    if constexpr (Inexact<T>)
      return x - y;
    else
      return wrap<T>(bits(x) - bits(y));
  } else if constexpr (op == multiply) {
    if constexpr (Inexact<T>)
      return x * y;
    else if constexpr (Integer<T>)
      return wrap<T>(bits(x) * bits(y));
    else
      return x && y;
  } else if constexpr (op == divide)
    return x / y;
  else if constexpr (op == floor_divide)
    return floor_quotient(x, y);
  else if constexpr (op == remainder)
    return floor_mod(x, y);
  else if constexpr (op == power) {
    if constexpr (Inexact<T>)
      return std::pow(x, y);
    else if constexpr (Integer<T>)
      return integer_power(x, y);
    else
      return x || !y;
  } else if constexpr (op == maximum)
    return is_nan(x) || less_than(y, x) ? x : y;
  else if constexpr (op == minimum)
    return is_nan(x) || less_than(x, y) ? x : is_nan(y) ? y : less_than(y, x) ? y : x;
  else if constexpr (op == logaddexp) {
    if constexpr (Complex<T>) {
      return std::log(std::exp(x) + std::exp(y));
    } else {
      if (x == y) return static_cast<T>(x + std::numbers::ln2_v<T>);  // infinities included
      const T high = x > y ? x : y;
      const T low = x > y ? y : x;
      return std::isnan(x) || std::isnan(y) ? x + y : high + std::log1p(std::exp(low - high));
    }
  } else if constexpr (op == arctan2)
    return std::atan2(x, y);
  else if constexpr (op == bitwise_and)
    return static_cast<T>(x & y);
  else if constexpr (op == bitwise_or)
    return static_cast<T>(x | y);
  else if constexpr (op == bitwise_xor)
    return static_cast<T>(x ^ y);
  else if constexpr (op == left_shift)
    return bits(y) < 64 ? wrap<T>(bits(x) << bits(y)) : T(0);
  else if constexpr (op == right_shift) {
    if (bits(y) < 64) return static_cast<T>(x >> y);
    return static_cast<T>(x < T(0) ? T(-1) : T(0));
  } else if constexpr (op == equal)
    return x == y;
  else if constexpr (op == not_equal)
    return x != y;
  else if constexpr (op == greater)
    return less_than(y, x);
  else if constexpr (op == greater_equal)
    return less_than(y, x) || x == y;
  else if constexpr (op == less)
    return less_than(x, y);
  else if constexpr (op == less_equal)
    return less_than(x, y) || x == y;
  else if constexpr (op == logical_and)
    return x && y;
  else
    return x || y;
}

template <BinaryOp op, typename T>
constexpr bool has_binary() {
  using enum BinaryOp;
  if (op == logical_and || op == logical_or) return std::is_same_v<T, bool>;
  if (op == bitwise_and || op == bitwise_or || op == bitwise_xor) return std::is_integral_v<T>;
  if (op == left_shift || op == right_shift) return Integer<T>;
  if (op == divide || op == logaddexp) return Inexact<T>;
  if (op == arctan2) return Real<T>;
  if (op == remainder) return Real<T> || Integer<T>;
  if (op == subtract || op == floor_divide) return !std::is_same_v<T, bool>;
  return true;
}

template <typename T, int... ops>
UnaryLoop unary_for(UnaryOp wanted, std::integer_sequence<int, ops...>) {
  UnaryLoop found = nullptr;
  const auto consider = [&]<int op>() {
    constexpr auto unary_op = static_cast<UnaryOp>(op);
    if constexpr (has_unary<unary_op, T>()) {
      if (wanted == unary_op) {
        found = [](const void* x, void* out, int64_t count) { loop<T>(x, out, count, unary<unary_op, T>); };
      }
    }
  };
  (consider.template operator()<ops>(), ...);
  return found;
}

template <typename T, int... ops>
BinaryLoop binary_for(BinaryOp wanted, std::integer_sequence<int, ops...>) {
  BinaryLoop found = nullptr;
  const auto consider = [&]<int op>() {
    constexpr auto binary_op = static_cast<BinaryOp>(op);
    if constexpr (has_binary<binary_op, T>()) {
      if (wanted == binary_op) {
        found = [](const void* x, const void* y, void* out, int64_t count) {
          const T* a = static_cast<const T*>(x);
          const T* b = static_cast<const T*>(y);
          using R = decltype(binary<binary_op, T>(a[0], b[0]));
          R* to = static_cast<R*>(out);
          for (int64_t i = 0; i < count; ++i) to[i] = binary<binary_op, T>(a[i], b[i]);
        };
      }
    }
  };
  (consider.template operator()<ops>(), ...);
  return found;
}

}  // namespace

UnaryLoop generic_unary(UnaryOp op, ComputeType type) {
  constexpr auto ops = std::make_integer_sequence<int, kUnaryOps>{};
  switch (type) {
    case ComputeType::boolean:
      return unary_for<bool>(op, ops);
    case ComputeType::u64:
      return unary_for<uint64_t>(op, ops);
    case ComputeType::i64:
      return unary_for<int64_t>(op, ops);
    case ComputeType::f32:
      return unary_for<float>(op, ops);
    case ComputeType::f64:
      return unary_for<double>(op, ops);
    case ComputeType::c64:
      return unary_for<complex64_t>(op, ops);
  }
  return nullptr;
}

BinaryLoop generic_binary(BinaryOp op, ComputeType type) {
  constexpr auto ops = std::make_integer_sequence<int, kBinaryOps>{};
  switch (type) {
    case ComputeType::boolean:
      return binary_for<bool>(op, ops);
    case ComputeType::u64:
      return binary_for<uint64_t>(op, ops);
    case ComputeType::i64:
      return binary_for<int64_t>(op, ops);
    case ComputeType::f32:
      return binary_for<float>(op, ops);
    case ComputeType::f64:
      return binary_for<double>(op, ops);
    case ComputeType::c64:
      return binary_for<complex64_t>(op, ops);
  }
  return nullptr;
}

}  // namespace mica::cpu
