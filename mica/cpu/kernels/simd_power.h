#pragma once

// x to the power of y for F32; see simd_functions.h.

#include "mica/cpu/kernels/simd_f64.h"
#include "mica/cpu/kernels/simd_functions.h"

namespace mica::cpu::MICA_ISA_NS {

/// Mantissas are from kPowerRoot's number, 0.698, to twice that; the sixteen parts of this range have a factor each
/// that brings the mantissas in them near 1 and whose logarithm, with the other sign, is nearly a float32. The part
/// around 1 has the factor 1, so that small logarithms are right relative to their size.
constexpr int32_t kPowerRoot = 0x3f32aaab;
alignas(64) constexpr float kPowerFactor[16] = {
    1.403176785f, 1.347133398f, 1.286169887f, 1.242862940f, 1.194702148f, 1.149560332f, 1.112873793f, 1.076142073f,
    1.039443731f, 1.0f,         0.952873290f, 0.897050619f, 0.847839594f, 0.806267858f, 0.769185841f, 0.730642498f};
alignas(64) constexpr float kPowerLog2[16] = {
    -4.886967838e-1f, -4.298927188e-1f, -3.630812168e-1f, -3.136672080e-1f, -2.566509843e-1f,
    -2.010821849e-1f, -1.542899907e-1f, -1.058685556e-1f, -5.581166223e-2f, 0.0f,
    6.964371353e-2f,  1.567386985e-1f,  2.381367534e-1f,  3.106688857e-1f,  3.785958886e-1f,
    4.527624249e-1f};

/// y · log₂ x to some 37 bits for x = 2^exponent · mantissa, bounded to where 2^ of it is neither 0 nor infinity.
inline F64 power_exponent(F64 mantissa, F64 factor, F64 log2_of_part, F64 exponent, F64 y) {
  const F64 r = fma(mantissa, factor, F64(-1.0));
  F64 p = fma(r, F64(-0.23846534995907245), F64(0.28881388533656543));
  p = fma(p, r, F64(-0.36067569086253487));
  p = fma(p, r, F64(0.4808982539607432));
  p = fma(p, r, F64(-0.7213475201078379));
  p = fma(p, r, F64(1.4426950408936978));
  const F64 product = fma(p, r, exponent + log2_of_part) * y;
  return min(F64(130.0), max(F64(-160.0), product));
}

/// x^y for positive finite x and finite y, to about 1 ulp.
inline F32 positive_power(F32 x, F32 y) {
  const Mask tiny = x < F32(1.17549435e-38f);
  const I32 shifted = as_i32(select(tiny, x * F32(8388608.0f), x)) + I32(0x3f800000 - kPowerRoot);
  const F32 exponent = to_f32(shift_right<23>(shifted)) - select(tiny, F32(127.0f + 23.0f), F32(127.0f));
  const F32 mantissa = as_f32((shifted & I32(0x7fffff)) + I32(kPowerRoot));
  const I32 part = shift_right<19>(shifted);
  const F32 factor = look_up(kPowerFactor, part);
  const F32 log2_of_part = look_up(kPowerLog2, part);
  const F64 low = power_exponent(widen_low(mantissa), widen_low(factor), widen_low(log2_of_part), widen_low(exponent),
                                 widen_low(y));
  const F64 high = power_exponent(widen_high(mantissa), widen_high(factor), widen_high(log2_of_part),
                                  widen_high(exponent), widen_high(y));
  const F64 low_whole = round(low);
  const F64 high_whole = round(high);
  const F32 r = narrow(low - low_whole, high - high_whole);
  F32 p = fma(r, F32(1.546287676e-4f), F32(1.339098439e-3f));
  p = fma(p, r, F32(9.618062526e-3f));
  p = fma(p, r, F32(5.550359562e-2f));
  p = fma(p, r, F32(2.402265072e-1f));
  p = fma(p, r, F32(6.931471825e-1f));
  p = fma(p, r, F32(1.0f));
  return scale_by_power_of_two(p, narrow(low_whole, high_whole));
}

/// x^y for any x and y from that of positive finite ones.
inline F32 with_power_edges(F32 x, F32 y, F32 positive) {
  const F32 zero(0.0f);
  const F32 one(1.0f);
  const F32 infinity(__builtin_inff());
  const F32 nan(__builtin_nanf(""));
  const F32 a = abs(x);
  // 0 and infinity to a power, and anything to an infinite one: 0 or infinity.
  const Mask grows = ((one < a) & (zero < y)) | ((a < one) & (y < zero));
  const Mask at_end = (a == zero) | (a == infinity) | (abs(y) == infinity);
  F32 value = select(at_end, select(grows, infinity, zero), positive);
  // ±1 to an infinite power, and x to the power of 0.
  value = select(((a == one) & (abs(y) == infinity)) | (y == zero), one, value);
  const F32 half = F32(0.5f) * y;
  const Mask whole = floor(y) == y;
  const F32 sign = select(floor(half) == half, one, select(whole, x, one));
  value = copysign(value, sign);
  value = select(whole, value, select((x < zero) & (a < infinity), nan, value));
  value = select(x == x, select(y == y, value, y), x);
  // C: 1 even for NaN.
  return select((x == one) | (y == zero), one, value);
}

/// x^y to about 1 ulp. The powers −1, ½, 2 and 3 are quotients, roots and products.
inline F32 pow(F32 x, F32 y) {
  const F32 infinity(__builtin_inff());
  const Mask squared = y == F32(2.0f);
  if (all(squared)) return x * x;
  const Mask cubed = y == F32(3.0f);
  const Mask root = y == F32(0.5f);
  const Mask inverse = y == F32(-1.0f);
  const Mask simple = squared | cubed | root | inverse;
  F32 value = x;
  if (!all(simple)) {
    value = positive_power(abs(x), y);
    const Mask usual = (F32(0.0f) < x) & (x < infinity) & (abs(y) < infinity);
    if (!all(usual)) value = with_power_edges(x, y, value);
  }
  if (!any(simple)) return value;
  value = select(squared, x * x, value);
  value = select(cubed, x * x * x, value);
  if (any(inverse)) value = select(inverse, F32(1.0f) / x, value);
  // The root of −∞ is a power that is ∞; the sum makes 0 of −0.
  if (any(root)) value = select(root, select(x == F32(0.0f) - infinity, infinity, sqrt(x) + F32(0.0f)), value);
  return value;
}

}  // namespace mica::cpu::MICA_ISA_NS
