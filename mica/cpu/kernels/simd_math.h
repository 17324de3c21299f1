#pragma once

// Transcendental functions of F32; included by simd.h.

namespace mica::cpu::MICA_ISA_NS {

/// e^x to about 1 ulp over the whole range: 0 below −104, infinity above 88.73, NaN for NaN.
inline F32 exp(F32 x) {
  // The bounds keep n in the range of scale_by_power_of_two. The constant comes first: NaN passes through.
  x = min(F32(89.0f), max(F32(-105.0f), x));
  const F32 n = round(x * F32(1.44269504088896341f));
  // ln 2 in two parts; n times the first one is exact.
  const F32 r = fma(n, F32(2.12194440e-4f), fma(n, F32(-0.693359375f), x));
  F32 p = fma(r, F32(1.9875691500e-4f), F32(1.3981999507e-3f));
  p = fma(p, r, F32(8.3334519073e-3f));
  p = fma(p, r, F32(4.1665795894e-2f));
  p = fma(p, r, F32(1.6666665459e-1f));
  p = fma(p, r, F32(5.0000001201e-1f));
  p = fma(p, r * r, r) + F32(1.0f);
  return scale_by_power_of_two(p, n);
}

/// tanh x to about 2 ulp.
inline F32 tanh(F32 x) {
  const F32 magnitude = abs(x);
  // Near 0 the quotient below cancels: an odd polynomial instead.
  const F32 z = x * x;
  F32 p = fma(z, F32(-5.70498872745e-3f), F32(2.06390887954e-2f));
  p = fma(p, z, F32(-5.37397155531e-2f));
  p = fma(p, z, F32(1.33314422036e-1f));
  p = fma(p, z, F32(-3.33332819422e-1f));
  const F32 small = fma(p * z, x, x);
  const F32 large = F32(1.0f) - F32(2.0f) / (exp(magnitude + magnitude) + F32(1.0f));
  return select(magnitude < F32(0.625f), small, copysign(large, x));
}

}  // namespace mica::cpu::MICA_ISA_NS
