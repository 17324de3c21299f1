#pragma once

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

#if defined(__AVX512F__)
/// What `combine` makes of each vector's lanes, for four vectors: half of the shuffles that four of them need alone.
template <typename Combine>
inline void reduce_four(F32 a, F32 b, F32 c, F32 d, float* out, Combine combine) {
  const F32 ab = combine(F32(_mm512_unpacklo_ps(a.v, b.v)), F32(_mm512_unpackhi_ps(a.v, b.v)));
  const F32 cd = combine(F32(_mm512_unpacklo_ps(c.v, d.v)), F32(_mm512_unpackhi_ps(c.v, d.v)));
  const F32 blocks = combine(F32(_mm512_shuffle_ps(ab.v, cd.v, 0x44)), F32(_mm512_shuffle_ps(ab.v, cd.v, 0xee)));
  const F32 pairs = combine(blocks, F32(_mm512_shuffle_f32x4(blocks.v, blocks.v, 0x4e)));
  const F32 all = combine(pairs, F32(_mm512_shuffle_f32x4(pairs.v, pairs.v, 0xb1)));
  _mm_storeu_ps(out, _mm512_castps512_ps128(all.v));
}
#endif

/// The sums of four vectors' lanes.
inline void reduce_add(F32 a, F32 b, F32 c, F32 d, float* out) {
#if defined(__AVX512F__)
  reduce_four(a, b, c, d, out, [](F32 x, F32 y) { return x + y; });
#elif defined(__AVX2__)
  const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(a.v, b.v), _mm256_hadd_ps(c.v, d.v));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
#else
  out[0] = reduce_add(a);
  out[1] = reduce_add(b);
  out[2] = reduce_add(c);
  out[3] = reduce_add(d);
#endif
}

/// The largest of four vectors' lanes.
inline void reduce_max(F32 a, F32 b, F32 c, F32 d, float* out) {
#if defined(__AVX512F__)
  reduce_four(a, b, c, d, out, [](F32 x, F32 y) { return max(x, y); });
#else
  out[0] = reduce_max(a);
  out[1] = reduce_max(b);
  out[2] = reduce_max(c);
  out[3] = reduce_max(d);
#endif
}

}  // namespace mica::cpu::MICA_ISA_NS
