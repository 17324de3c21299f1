#pragma once

// Functions of F32 for element-by-element kernels. Polynomials are least-maximum fits over the intervals named (by
// iteratively reweighted least squares); specials are those of C's functions.

#include "mica/cpu/kernels/simd_trigonometry.h"

namespace mica::cpu::MICA_ISA_NS {

inline F32 erf(F32 x) {
  const F32 magnitude = abs(x);
  // Below 1: x + x · p(x²).
  const F32 z = x * x;
  F32 p = fma(z, F32(7.854008920e-5f), F32(-8.010241949e-4f));
  p = fma(p, z, F32(5.188333780e-3f));
  p = fma(p, z, F32(-2.685381563e-2f));
  p = fma(p, z, F32(1.128358526e-1f));
  p = fma(p, z, F32(-3.761262584e-1f));
  p = fma(p, z, F32(1.283791657e-1f));
  const F32 small = fma(p, x, x);
  // Above: 1 − exp(−q(|x|)), which is 1 in float32 from 3.95 on.
  const F32 a = min(F32(3.95f), magnitude);
  F32 q = fma(a, F32(-1.855748623e-4f), F32(2.939615440e-3f));
  q = fma(q, a, F32(-2.180535001e-2f));
  q = fma(q, a, F32(1.030374332e-1f));
  q = fma(q, a, F32(6.382256050e-1f));
  q = fma(q, a, F32(1.127040078f));
  q = fma(q, a, F32(3.537092969e-4f));
  const F32 large = F32(1.0f) - exp(F32(0.0f) - q);
  return select(magnitude < F32(1.0f), keep_zero(x, small), copysign(large, x));
}

/// e^x − 1
inline F32 expm1(F32 x) {
  // The constants come first: NaN passes through. Below −30 the result is −1.
  const F32 bounded = min(F32(89.0f), max(F32(-30.0f), x));
  const F32 n = round(bounded * F32(1.44269504088896341f));
  const F32 r = fma(n, F32(2.12194440e-4f), fma(n, F32(-0.693359375f), bounded));
  F32 p = fma(r, F32(1.984589783e-4f), F32(1.394089317e-3f));
  p = fma(p, r, F32(8.333389955e-3f));
  p = fma(p, r, F32(4.166635777e-2f));
  p = fma(p, r, F32(1.666666637e-1f));
  p = fma(p, r, F32(5.000000045e-1f));
  p = fma(p * r, r, r);
  // 2^n · (p + 1) − 1, halved: 2^128 is beyond float32.
  const F32 half_scale = scale_by_power_of_two(F32(0.5f), n);
  const F32 whole = fma(p, half_scale, half_scale - F32(0.5f)) * F32(2.0f);
  return keep_zero(x, select(n == F32(0.0f), p, whole));
}

/// A positive finite x = 2^exponent · m with m from √½ to √2; log is that of m.
struct LogParts {
  F32 exponent;
  F32 log;
};

inline LogParts log_parts(F32 x) {
  const Mask tiny = x < F32(1.17549435e-38f);
  const I32 bits = as_i32(select(tiny, x * F32(8388608.0f), x));
  const I32 root = I32(0x3f3504f3);  // of ½
  const I32 shifted = bits + (I32(0x3f800000) - root);
  const F32 bias = select(tiny, F32(127.0f + 23.0f), F32(127.0f));
  const F32 f = as_f32((shifted & I32(0x7fffff)) + root) - F32(1.0f);
  F32 p = fma(f, F32(-7.634429837e-2f), F32(1.276155034e-1f));
  p = fma(p, f, F32(-1.316019507e-1f));
  p = fma(p, f, F32(1.420176247e-1f));
  p = fma(p, f, F32(-1.662335648e-1f));
  p = fma(p, f, F32(2.000122667e-1f));
  p = fma(p, f, F32(-2.500082106e-1f));
  p = fma(p, f, F32(3.333333171e-1f));
  const F32 z = f * f;
  return {to_f32(shift_right<23>(shifted)) - bias, fma(p * f, z, fma(z, F32(-0.5f), f))};
}

/// The result of a logarithm that is `value` for positive finite x.
inline F32 with_log_edges(F32 x, F32 value) {
  const F32 infinity(__builtin_inff());
  const F32 zero(0.0f);
  const F32 edge = select(x == zero, zero - infinity, select(x == infinity, infinity, F32(__builtin_nanf(""))));
  return select((zero < x) & (x < infinity), value, edge);
}

inline F32 log(F32 x) {
  const LogParts parts = log_parts(x);
  // ln 2 in two parts; the exponent times the first one is exact.
  const F32 low = fma(parts.exponent, F32(-2.12194440e-4f), parts.log);
  return with_log_edges(x, fma(parts.exponent, F32(0.693359375f), low));
}

inline F32 log2(F32 x) {
  const LogParts parts = log_parts(x);
  return with_log_edges(x, fma(parts.log, F32(1.44269504088896341f), parts.exponent));
}

inline F32 log10(F32 x) {
  const LogParts parts = log_parts(x);
  // log₁₀ 2 in two parts.
  const F32 low = fma(parts.exponent, F32(2.48745663981195e-4f), parts.log * F32(0.43429448190325183f));
  return with_log_edges(x, fma(parts.exponent, F32(0.30078125f), low));
}

/// log(1 + x)
inline F32 log1p(F32 x) {
  const F32 u = F32(1.0f) + x;
  const F32 lost = x - (u - F32(1.0f));
  const Mask inside = (F32(-1.0f) < x) & (x < F32(__builtin_inff()));
  const F32 of_sum = log(u);
  return keep_zero(x, select(inside, of_sum + lost / u, of_sum));
}

inline F32 sinh(F32 x) {
  const F32 z = x * x;
  F32 p = fma(z, F32(2.816951027e-6f), F32(1.983615982e-4f));
  p = fma(p, z, F32(8.333350058e-3f));
  p = fma(p, z, F32(1.666666650e-1f));
  // The square of e^(x / 2): e^x can be too large where the result is not.
  const F32 root = exp(F32(0.5f) * abs(x));
  const F32 large = F32(0.5f) * root * root - F32(0.5f) / (root * root);
  return select(abs(x) < F32(1.0f), keep_zero(x, fma(p * z, x, x)), copysign(large, x));
}

inline F32 cosh(F32 x) {
  const F32 root = exp(F32(0.5f) * abs(x));
  return F32(0.5f) * root * root + F32(0.5f) / (root * root);
}

inline F32 arcsinh(F32 x) {
  const F32 a = abs(x);
  const F32 moderate = log1p(a + a * a / (F32(1.0f) + sqrt(fma(a, a, F32(1.0f)))));
  const F32 huge = log(a) + F32(0.69314718055994531f);
  return copysign(select(a < F32(1e9f), moderate, huge), x);
}

inline F32 arccosh(F32 x) {
  const F32 t = x - F32(1.0f);
  const F32 moderate = log1p(t + sqrt(t * (t + F32(2.0f))));
  const F32 huge = log(x) + F32(0.69314718055994531f);
  const F32 value = select(x < F32(1e9f), moderate, huge);
  return select(x < F32(1.0f), F32(__builtin_nanf("")), value);
}

inline F32 arctanh(F32 x) {
  const F32 a = abs(x);
  return copysign(F32(0.5f) * log1p((a + a) / (F32(1.0f) - a)), x);
}

}  // namespace mica::cpu::MICA_ISA_NS
