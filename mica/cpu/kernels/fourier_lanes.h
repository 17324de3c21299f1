#pragma once

// What Fourier transforms need of vectors beyond simd.h: lanes in another order.

#include "mica/cpu/kernels/pairs.h"

namespace mica::cpu::MICA_ISA_NS {

#if defined(__AVX512F__)

/// c − a · b
inline F32 fnma(F32 a, F32 b, F32 c) {
  return _mm512_fnmadd_ps(a.v, b.v, c.v);
}
inline F32 reversed(F32 a) {
  return _mm512_permutexvar_ps(_mm512_setr_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), a.v);
}

#elif defined(__AVX2__)

/// c − a · b
inline F32 fnma(F32 a, F32 b, F32 c) {
  return _mm256_fnmadd_ps(a.v, b.v, c.v);
}
inline F32 reversed(F32 a) {
  return _mm256_permutevar8x32_ps(a.v, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}

#else

/// c − a · b
inline F32 fnma(F32 a, F32 b, F32 c) {
  return c - a * b;
}
inline F32 reversed(F32 a) {
  return F32::make([&](int i) { return a.v[F32::kLanes - 1 - i]; });
}

#endif

/// Real and imaginary parts.
struct Halves {
  F32 re;
  F32 im;
};

/// Result k of untangling (see FourierHalves) from elements k and half − k; of tangling with the opposite cosine.
inline Halves untangled(Halves here, Halves mirror, F32 cosine, F32 sine) {
  const F32 odd_re = here.im + mirror.im;
  const F32 odd_im = mirror.re - here.re;
  return {fma(sine, odd_im, fma(cosine, odd_re, here.re + mirror.re)),
          fnma(sine, odd_re, fma(cosine, odd_im, here.im - mirror.im))};
}

}  // namespace mica::cpu::MICA_ISA_NS
