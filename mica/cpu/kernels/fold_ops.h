#pragma once

// What a step of each reduction is, for vectors of floats and for single integers.

#include "mica/cpu/kernels/fold.h"
#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

template <FoldOp op>
constexpr float neutral_float() {
  if (op == FoldOp::prod || op == FoldOp::all) return 1.0f;
  if (op == FoldOp::min) return __builtin_inff();
  return op == FoldOp::max ? -__builtin_inff() : 0.0f;
}

template <FoldOp op>
F32 fold_step(F32 total, F32 x) {
  if constexpr (op == FoldOp::sum) return total + x;
  if constexpr (op == FoldOp::prod) return total * x;
  // A NaN in x is caught by the comparison, one in the total by max and min themselves.
  if constexpr (op == FoldOp::min) return select(x == x, min(x, total), x);
  if constexpr (op == FoldOp::max) return select(x == x, max(x, total), x);
  if constexpr (op == FoldOp::any) return select(x == F32(0.0f), total, F32(1.0f));
  if constexpr (op == FoldOp::all) return select(x == F32(0.0f), F32(0.0f), total);
}

/// A vector's lanes folded into one number.
template <FoldOp op>
float fold_lanes(F32 a) {
  if constexpr (op == FoldOp::sum) return reduce_add(a);
  if constexpr (op == FoldOp::min || op == FoldOp::max) {
    if (all(a == a)) return op == FoldOp::min ? reduce_min(a) : reduce_max(a);
  }
  // Halves onto each other until one lane is left.
  for (int64_t width = F32::kLanes / 2; width > 0; width /= 2) {
    float lanes[2 * F32::kLanes];
    a.store(lanes);
    a.store(lanes + F32::kLanes);
    a = fold_step<op>(a, F32::load(lanes + width));
  }
  float first[F32::kLanes];
  a.store(first);
  return first[0];
}

/// Integers are added up and multiplied without sign, so that they wrap around.
template <FoldOp op, bool is_signed>
struct IntegerTotal {
  using Type = uint32_t;
};
template <>
struct IntegerTotal<FoldOp::min, true> {
  using Type = int32_t;
};
template <>
struct IntegerTotal<FoldOp::max, true> {
  using Type = int32_t;
};

template <FoldOp op, typename T>
constexpr T neutral_integer() {
  constexpr bool is_signed = static_cast<T>(-1) < static_cast<T>(0);
  if (op == FoldOp::prod || op == FoldOp::all) return 1;
  if (op == FoldOp::min) return static_cast<T>(is_signed ? 0x7fffffffu : 0xffffffffu);
  return op == FoldOp::max && is_signed ? static_cast<T>(-0x7fffffff - 1) : static_cast<T>(0);
}

template <FoldOp op, typename T>
T fold_step(T total, T x) {
  if constexpr (op == FoldOp::sum) return total + x;
  if constexpr (op == FoldOp::prod) return total * x;
  if constexpr (op == FoldOp::min) return x < total ? x : total;
  if constexpr (op == FoldOp::max) return total < x ? x : total;
  if constexpr (op == FoldOp::any) return total | static_cast<T>(x != 0);
  if constexpr (op == FoldOp::all) return total & static_cast<T>(x != 0);
}

}  // namespace mica::cpu::MICA_ISA_NS
