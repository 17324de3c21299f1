#pragma once

// Trigonometric functions of F32 and their inverses; see simd_functions.h.

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

/// The result of an odd function: sums lose the sign of −0.
inline F32 keep_zero(F32 x, F32 value) {
  return select(x == F32(0.0f), x, value);
}

/// x = quadrant · π/2 + an angle of at most π/4 whose sine and cosine these are; good up to kLargestAngle.
struct Angle {
  I32 quadrant;
  F32 sine;
  F32 cosine;
};
constexpr float kLargestAngle = 8192.0f;

inline Angle reduce_angle(F32 x) {
  const F32 n = round(x * F32(0.63661977236758134f));
  // π/2 in three parts; n times one of the first two is exact.
  F32 r = fma(n, F32(-1.5703125f), x);
  r = fma(n, F32(-4.837512969970703125e-4f), r);
  r = fma(n, F32(-7.54978995489188e-8f), r);
  const F32 z = r * r;
  F32 s = fma(z, F32(-1.951445450e-4f), F32(8.332154771e-3f));
  s = fma(s, z, F32(-1.666665452e-1f));
  F32 c = fma(z, F32(2.443220875e-5f), F32(-1.388730811e-3f));
  c = fma(c, z, F32(4.166664552e-2f));
  return {to_i32(n), fma(s * z, r, r), fma(c * z, z, fma(z, F32(-0.5f), F32(1.0f)))};
}

/// Sine of the angle plus `turns` quarter turns.
inline F32 sine_of(const Angle& angle, int32_t turns) {
  const I32 quadrant = angle.quadrant + I32(turns);
  const F32 value = select((quadrant & I32(1)) == I32(0), angle.sine, angle.cosine);
  return value * to_f32(I32(1) - (quadrant & I32(2)));
}

/// `fast`, with lanes beyond kLargestAngle from the C library: their reduction takes many more digits of π.
inline F32 with_large_angles(F32 x, F32 fast, float (*exact)(float)) {
  if (!any(F32(kLargestAngle) < abs(x))) return fast;
  float from[F32::kLanes];
  float to[F32::kLanes];
  x.store(from);
  fast.store(to);
  for (int i = 0; i < F32::kLanes; ++i) {
    if (__builtin_fabsf(from[i]) > kLargestAngle) to[i] = exact(from[i]);
  }
  return F32::load(to);
}

inline F32 sin(F32 x) {
  const F32 fast = keep_zero(x, sine_of(reduce_angle(x), 0));
  return with_large_angles(x, fast, [](float angle) { return __builtin_sinf(angle); });
}

inline F32 cos(F32 x) {
  return with_large_angles(x, sine_of(reduce_angle(x), 1), [](float angle) { return __builtin_cosf(angle); });
}

inline F32 tan(F32 x) {
  const Angle angle = reduce_angle(x);
  const F32 fast = keep_zero(x, sine_of(angle, 0) / sine_of(angle, 1));
  return with_large_angles(x, fast, [](float large) { return __builtin_tanf(large); });
}

/// arcsin of 0 ≤ r ≤ ½ whose square is z.
inline F32 arcsin_of_small(F32 r, F32 z) {
  F32 p = fma(z, F32(3.751633041e-2f), F32(1.443869712e-2f));
  p = fma(p, z, F32(3.180769167e-2f));
  p = fma(p, z, F32(4.451695876e-2f));
  p = fma(p, z, F32(7.500504163e-2f));
  p = fma(p, z, F32(1.666665999e-1f));
  return fma(p * z, r, r);
}

/// Near the ends by arcsin x = π/2 − 2 arcsin √((1 − x) / 2); NaN beyond them.
inline F32 arcsin(F32 x) {
  const F32 a = abs(x);
  const Mask low = a <= F32(0.5f);
  const F32 half_gap = F32(0.5f) * (F32(1.0f) - a);
  const F32 part = arcsin_of_small(select(low, a, sqrt(half_gap)), select(low, a * a, half_gap));
  return copysign(select(low, part, F32(1.57079632679489662f) - (part + part)), x);
}

inline F32 arccos(F32 x) {
  const F32 a = abs(x);
  const Mask low = a <= F32(0.5f);
  const F32 half_gap = F32(0.5f) * (F32(1.0f) - a);
  const F32 part = arcsin_of_small(select(low, a, sqrt(half_gap)), select(low, a * a, half_gap));
  const F32 twice = part + part;
  const F32 outer = select(x < F32(0.0f), F32(3.14159265358979324f) - twice, twice);
  return select(low, F32(1.57079632679489662f) - copysign(part, x), outer);
}

inline F32 arctan(F32 x) {
  const F32 a = abs(x);
  const Mask far = F32(2.41421356237309505f) < a;     // tan 3π/8: π/2 − arctan 1/a
  const Mask middle = F32(0.41421356237309505f) < a;  // tan π/8: π/4 + arctan (a − 1)/(a + 1)
  const F32 above = select(far, F32(-1.0f), select(middle, a - F32(1.0f), a));
  const F32 below = select(far, a, select(middle, a + F32(1.0f), F32(1.0f)));
  const F32 start = select(far, F32(1.57079632679489662f), select(middle, F32(0.78539816339744831f), F32(0.0f)));
  const F32 r = above / below;
  const F32 z = r * r;
  F32 p = fma(z, F32(-6.077262893e-2f), F32(1.059345347e-1f));
  p = fma(p, z, F32(-1.424348727e-1f));
  p = fma(p, z, F32(1.999846923e-1f));
  p = fma(p, z, F32(-3.333331515e-1f));
  return copysign(start + fma(p * z, r, r), x);
}

}  // namespace mica::cpu::MICA_ISA_NS
