#pragma once

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

/// What `combine` makes of each vector's lanes, for four vectors: half of the shuffles that four of them need alone.
template <typename Combine>
inline void reduce_four(F32 a, F32 b, F32 c, F32 d, float* out, Combine combine) {
#if defined(__AVX512F__)
  const F32 ab = combine(F32(_mm512_unpacklo_ps(a.v, b.v)), F32(_mm512_unpackhi_ps(a.v, b.v)));
  const F32 cd = combine(F32(_mm512_unpacklo_ps(c.v, d.v)), F32(_mm512_unpackhi_ps(c.v, d.v)));
  const F32 blocks = combine(F32(_mm512_shuffle_ps(ab.v, cd.v, 0x44)), F32(_mm512_shuffle_ps(ab.v, cd.v, 0xee)));
  const F32 pairs = combine(blocks, F32(_mm512_shuffle_f32x4(blocks.v, blocks.v, 0x4e)));
  const F32 all = combine(pairs, F32(_mm512_shuffle_f32x4(pairs.v, pairs.v, 0xb1)));
  _mm_storeu_ps(out, _mm512_castps512_ps128(all.v));
#elif defined(__AVX2__)
  const F32 ab = combine(F32(_mm256_unpacklo_ps(a.v, b.v)), F32(_mm256_unpackhi_ps(a.v, b.v)));
  const F32 cd = combine(F32(_mm256_unpacklo_ps(c.v, d.v)), F32(_mm256_unpackhi_ps(c.v, d.v)));
  const F32 blocks = combine(F32(_mm256_shuffle_ps(ab.v, cd.v, 0x44)), F32(_mm256_shuffle_ps(ab.v, cd.v, 0xee)));
  const F32 all = combine(blocks, F32(_mm256_permute2f128_ps(blocks.v, blocks.v, 1)));
  _mm_storeu_ps(out, _mm256_castps256_ps128(all.v));
#else
  F32 all = F32::make([&](int i) {
    const float first[] = {a.v[0], b.v[0], c.v[0], d.v[0]};
    return first[i];
  });
  for (int lane = 1; lane < F32::kLanes; ++lane) {
    const float next[] = {a.v[lane], b.v[lane], c.v[lane], d.v[lane]};
    all = combine(all, F32::load(next));
  }
  all.store(out);
#endif
}

/// The sums of four vectors' lanes.
inline void reduce_add(F32 a, F32 b, F32 c, F32 d, float* out) {
  reduce_four(a, b, c, d, out, [](F32 x, F32 y) { return x + y; });
}

/// The largest of four vectors' lanes, none of them negative; NaN where one is.
inline void reduce_max_magnitude(F32 a, F32 b, F32 c, F32 d, float* out) {
  reduce_four(a, b, c, d, out, [](F32 x, F32 y) { return max_magnitude(x, y); });
}

}  // namespace mica::cpu::MICA_ISA_NS
