#include "mica/cpu/kernels/elementwise.h"

#include "mica/cpu/kernels/simd_power.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

template <F32 (*op)(F32)>
void map(const float* x, float* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) op(F32::load(x + i)).store(out + i);
  if (i < count) op(F32::load(x + i, count - i)).store(out + i, count - i);
}

template <F32 (*op)(F32, F32)>
void map(const float* x, const float* y, float* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) op(F32::load(x + i), F32::load(y + i)).store(out + i);
  if (i < count) op(F32::load(x + i, count - i), F32::load(y + i, count - i)).store(out + i, count - i);
}

F32 do_abs(F32 x) {
  return abs(x);
}
F32 do_negative(F32 x) {
  return F32(-0.0f) - x;
}
F32 do_square(F32 x) {
  return x * x;
}
F32 do_sqrt(F32 x) {
  return sqrt(x);
}
F32 do_rsqrt(F32 x) {
  return F32(1.0f) / sqrt(x);
}
F32 do_exp(F32 x) {
  return exp(x);
}
F32 do_tanh(F32 x) {
  return keep_zero(x, tanh(x));
}
F32 do_round(F32 x) {
  return round(x);
}
F32 do_floor(F32 x) {
  return floor(x);
}
F32 do_ceil(F32 x) {
  return do_negative(floor(do_negative(x)));
}
F32 do_trunc(F32 x) {
  return copysign(floor(abs(x)), x);
}
F32 do_sign(F32 x) {
  const F32 zero(0.0f);
  return select(zero < x, F32(1.0f), select(x < zero, F32(-1.0f), select(x == zero, zero, x)));
}
F32 do_sigmoid(F32 x) {
  return F32(1.0f) / (F32(1.0f) + exp(F32(0.0f) - x));
}
F32 do_silu(F32 x) {
  return x / (F32(1.0f) + exp(F32(0.0f) - x));
}
F32 do_gelu(F32 x) {
  return x * F32(0.5f) * (F32(1.0f) + erf(x * F32(0.70710678118654752f)));
}
F32 do_gelu_tanh(F32 x) {
  const F32 inner = F32(0.7978845608028654f) * fma(F32(0.044715f) * x * x, x, x);
  return F32(0.5f) * x * (F32(1.0f) + tanh(inner));
}

F32 do_add(F32 x, F32 y) {
  return x + y;
}
F32 do_subtract(F32 x, F32 y) {
  return x - y;
}
F32 do_multiply(F32 x, F32 y) {
  return x * y;
}
F32 do_divide(F32 x, F32 y) {
  return x / y;
}
// A NaN in x is caught by the comparison, one in y by max and min themselves.
F32 do_maximum(F32 x, F32 y) {
  return select(x == x, max(x, y), x);
}
F32 do_minimum(F32 x, F32 y) {
  return select(x == x, min(x, y), x);
}

void load_f16(const uint16_t* x, float* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load_f16(x + i).store(out + i);
  if (i < count) F32::load_f16(x + i, count - i).store(out + i, count - i);
}

void load_bf16(const uint16_t* x, float* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load_bf16(x + i).store(out + i);
  if (i < count) F32::load_bf16(x + i, count - i).store(out + i, count - i);
}

void store_f16(const float* x, uint16_t* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load(x + i).store_f16(out + i);
  if (i < count) F32::load(x + i, count - i).store_f16(out + i, count - i);
}

void store_bf16(const float* x, uint16_t* out, int64_t count) {
  int64_t i = 0;
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load(x + i).store_bf16(out + i);
  if (i < count) F32::load(x + i, count - i).store_bf16(out + i, count - i);
}

/// out is aligned to its elements.
void stream(const float* x, float* out, int64_t count) {
  constexpr int64_t kBytes = F32::kLanes * static_cast<int64_t>(sizeof(float));
  const auto beyond = static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) % kBytes);
  int64_t i = 0;
  if (beyond > 0) {
    const int64_t head = (kBytes - beyond) / static_cast<int64_t>(sizeof(float));
    i = head < count ? head : count;
    F32::load(x, i).store(out, i);
  }
  for (; i + F32::kLanes <= count; i += F32::kLanes) F32::load(x + i).stream(out + i);
  if (i < count) F32::load(x + i, count - i).store(out + i, count - i);
}

constexpr ElementwiseKernels make_kernels() {
  ElementwiseKernels k;
  const auto set = [&](UnaryOp op, ElementwiseKernels::Unary kernel) { k.unary[static_cast<int>(op)] = kernel; };
  set(UnaryOp::abs, map<do_abs>);
  set(UnaryOp::negative, map<do_negative>);
  set(UnaryOp::square, map<do_square>);
  set(UnaryOp::sqrt, map<do_sqrt>);
  set(UnaryOp::rsqrt, map<do_rsqrt>);
  set(UnaryOp::exp, map<do_exp>);
  set(UnaryOp::tanh, map<do_tanh>);
  set(UnaryOp::round, map<do_round>);
  set(UnaryOp::sigmoid, map<do_sigmoid>);
  set(UnaryOp::silu, map<do_silu>);
  set(UnaryOp::gelu_tanh, map<do_gelu_tanh>);
  set(UnaryOp::gelu, map<do_gelu>);
  set(UnaryOp::erf, map<erf>);
  set(UnaryOp::sign, map<do_sign>);
  set(UnaryOp::floor, map<do_floor>);
  set(UnaryOp::ceil, map<do_ceil>);
  set(UnaryOp::trunc, map<do_trunc>);
  set(UnaryOp::expm1, map<expm1>);
  set(UnaryOp::log, map<log>);
  set(UnaryOp::log2, map<log2>);
  set(UnaryOp::log10, map<log10>);
  set(UnaryOp::log1p, map<log1p>);
  set(UnaryOp::sin, map<sin>);
  set(UnaryOp::cos, map<cos>);
  set(UnaryOp::tan, map<tan>);
  set(UnaryOp::arcsin, map<arcsin>);
  set(UnaryOp::arccos, map<arccos>);
  set(UnaryOp::arctan, map<arctan>);
  set(UnaryOp::sinh, map<sinh>);
  set(UnaryOp::cosh, map<cosh>);
  set(UnaryOp::arcsinh, map<arcsinh>);
  set(UnaryOp::arccosh, map<arccosh>);
  set(UnaryOp::arctanh, map<arctanh>);
  const auto set2 = [&](BinaryOp op, ElementwiseKernels::Binary kernel) { k.binary[static_cast<int>(op)] = kernel; };
  set2(BinaryOp::add, map<do_add>);
  set2(BinaryOp::subtract, map<do_subtract>);
  set2(BinaryOp::multiply, map<do_multiply>);
  set2(BinaryOp::divide, map<do_divide>);
  set2(BinaryOp::maximum, map<do_maximum>);
  set2(BinaryOp::minimum, map<do_minimum>);
  set2(BinaryOp::power, map<pow>);
  k.load_f16 = load_f16;
  k.load_bf16 = load_bf16;
  k.store_f16 = store_f16;
  k.store_bf16 = store_bf16;
  k.stream = stream;
  k.end_stream = end_stream;
  return k;
}

}  // namespace

constinit const ElementwiseKernels elementwise = make_kernels();

}  // namespace mica::cpu::MICA_ISA_NS
