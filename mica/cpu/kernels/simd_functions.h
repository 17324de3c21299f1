#pragma once

// Functions of F32 for element-by-element kernels. Polynomials are least-maximum fits over the intervals named (by
// iteratively reweighted least squares); specials are those of C's functions.

#include "mica/cpu/kernels/simd_trigonometry.h"

namespace mica::cpu::MICA_ISA_NS {

/// Polynomials for erf about the points n · 33/128: kErf[i][n] is the coefficient of the i-th power. The first one has
/// none for power 0, so that small results are right relative to their size too.
alignas(64) constexpr float kErf[6][16] = {
    {0.000000000e+00f, 2.845914364e-01f, 5.341230035e-01f, 7.259598374e-01f, 8.552718163e-01f, 9.316980839e-01f,
     9.713020921e-01f, 9.892958999e-01f, 9.964637756e-01f, 9.989671111e-01f, 9.997336864e-01f, 9.999394417e-01f,
     9.999878407e-01f, 9.999978542e-01f, 9.999996424e-01f, 1.000000000e+00f},
    {1.128379107e+00f, 1.055817127e+00f, 8.649470806e-01f, 6.203798652e-01f, 3.895767629e-01f, 2.141882777e-01f,
     1.031016335e-01f, 4.345129058e-02f, 1.603271440e-02f, 5.179390777e-03f, 1.464932342e-03f, 3.627635597e-04f,
     7.864968939e-05f, 1.492923820e-05f, 2.481107003e-06f, 4.218661331e-07f},
    {0.000000000e+00f, -2.722004354e-01f, -4.459675848e-01f, -4.798213542e-01f, -4.017547667e-01f, -2.761094868e-01f,
     -1.594868451e-01f, -7.841178030e-02f, -3.307912499e-02f, -1.200730819e-02f, -3.786121495e-03f, -1.028987346e-03f,
     -2.296973398e-04f, -4.681025166e-05f, 3.326123533e-06f, -1.478241393e-05f},
    {-3.760940135e-01f, -3.051749468e-01f, -1.349845380e-01f, 4.060894251e-02f, 1.463447809e-01f, 1.658761948e-01f,
     1.301034987e-01f, 7.986141741e-02f, 4.012372717e-02f, 1.686361805e-02f, 6.002910901e-03f, 1.824012375e-03f,
     4.755965492e-04f, 1.068077690e-04f, 2.071680319e-05f, -1.953235005e-05f},
    {0.000000000e+00f, 1.292518973e-01f, 1.814054996e-01f, 1.436432004e-01f, 5.880909041e-02f, -1.406965312e-02f,
     -4.708661139e-02f, -4.606351256e-02f, -2.967037819e-02f, -1.623903215e-02f, -5.960551556e-03f, -2.252410864e-03f,
     -1.479739556e-03f, -3.584077931e-04f, -7.711103535e-04f, 7.591073518e-04f},
    {1.104515120e-01f, 7.910490036e-02f, 1.386169111e-03f, -5.608921126e-02f, -6.772975624e-02f, -4.190812260e-02f,
     -9.835538454e-03f, 9.039362893e-03f, 1.295145508e-02f, 9.374957532e-03f, 4.898572341e-03f, 2.012992511e-03f,
     6.747297593e-04f, 1.884065714e-04f, 4.431910565e-05f, 1.605225727e-03f},
};

inline F32 erf(F32 x) {
  // From 3.99 on the result is ±1. The constant comes first: NaN passes through.
  const F32 a = min(F32(3.99f), abs(x));
  const F32 n = round(a * F32(128.0f / 33.0f));
  const I32 point = to_i32(n);
  const F32 t = fma(n, F32(-33.0f / 128.0f), a);
  F32 p = look_up(kErf[5], point);
  for (int i = 4; i >= 0; --i) p = fma(p, t, look_up(kErf[i], point));
  return copysign(p, x);
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

/// erfinv x / x as polynomials, highest power first: of w − 2.5 up to w = 5, of √w − 3 from there to the w of the
/// largest x below 1, where w = −log(1 − x²). The substitution is that of Giles, "Approximating the erfinv function"
/// (GPU Computing Gems, 2012).
constexpr float kErfinv[10][2] = {
    {-8.791014139e-09f, 1.289641659e-04f},  {2.323262116e-08f, -3.187234397e-04f},
    {4.661700927e-07f, -7.661950804e-05f},  {-3.462704399e-06f, 1.495857025e-03f},
    {-4.963344963e-06f, -3.586987499e-03f}, {2.183444449e-04f, 5.683172494e-03f},
    {-1.252741902e-03f, -7.639409974e-03f}, {-4.177386872e-03f, 9.445684031e-03f},
    {2.466402799e-01f, 1.001675129e+00f},   {1.501409411e+00f, 2.832976818e+00f},
};

/// The inverse of erf.
inline F32 erfinv(F32 x) {
  const F32 a = abs(x);
  const F32 one(1.0f);
  // 1 − a is exact where the logarithm is steep.
  const F32 w = F32(0.0f) - log((one - a) * (one + a));
  const Mask inner = w < F32(5.0f);
  const F32 t = select(inner, w - F32(2.5f), sqrt(w) - F32(3.0f));
  F32 p = select(inner, F32(kErfinv[0][0]), F32(kErfinv[0][1]));
  for (int i = 1; i < 10; ++i) p = fma(p, t, select(inner, F32(kErfinv[i][0]), F32(kErfinv[i][1])));
  const F32 edge = select(a == one, copysign(F32(__builtin_inff()), x), F32(__builtin_nanf("")));
  return select(a < one, x * p, edge);
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
