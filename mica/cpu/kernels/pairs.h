#pragma once

// Numbers that stand side by side in memory and apart in registers: pairs of features to rotate, complex numbers.

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

/// Lane i of `even` and `odd` are the numbers 2i and 2i + 1 of `first` and `second` side by side.
struct EvenOdd {
  F32 even;
  F32 odd;
};
struct FirstSecond {
  F32 first;
  F32 second;
};

#if defined(__AVX512F__)

inline EvenOdd split_pairs(FirstSecond x) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return {_mm512_permutex2var_ps(x.first.v, even, x.second.v), _mm512_permutex2var_ps(x.first.v, odd, x.second.v)};
}
inline FirstSecond join_pairs(EvenOdd x) {
  const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i second = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return {_mm512_permutex2var_ps(x.even.v, first, x.odd.v), _mm512_permutex2var_ps(x.even.v, second, x.odd.v)};
}

#elif defined(__AVX2__)

inline EvenOdd split_pairs(FirstSecond x) {
  const __m256 even = _mm256_shuffle_ps(x.first.v, x.second.v, 0x88);
  const __m256 odd = _mm256_shuffle_ps(x.first.v, x.second.v, 0xdd);
  const auto ordered = [](__m256 v) { return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8)); };
  return {ordered(even), ordered(odd)};
}
inline FirstSecond join_pairs(EvenOdd x) {
  const __m256 low = _mm256_unpacklo_ps(x.even.v, x.odd.v);
  const __m256 high = _mm256_unpackhi_ps(x.even.v, x.odd.v);
  return {_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31)};
}

#else

inline EvenOdd split_pairs(FirstSecond x) {
  const auto at = [&](int i) { return i < F32::kLanes ? x.first.v[i] : x.second.v[i - F32::kLanes]; };
  return {F32::make([&](int i) { return at(2 * i); }), F32::make([&](int i) { return at(2 * i + 1); })};
}
inline FirstSecond join_pairs(EvenOdd x) {
  const auto at = [&](int i) { return i % 2 == 0 ? x.even.v[i / 2] : x.odd.v[i / 2]; };
  return {F32::make(at), F32::make([&](int i) { return at(F32::kLanes + i); })};
}

#endif

/// The first `count` pairs of lanes, zeros behind them.
inline EvenOdd load_pairs(const float* from, int64_t count) {
  if (count == F32::kLanes) return split_pairs({F32::load(from), F32::load(from + F32::kLanes)});
  const int64_t numbers = 2 * count;
  if (numbers <= F32::kLanes) return split_pairs({F32::load(from, numbers), F32(0.0f)});
  return split_pairs({F32::load(from), F32::load(from + F32::kLanes, numbers - F32::kLanes)});
}

/// The first `count` pairs of lanes.
inline void store_pairs(EvenOdd x, int64_t count, float* to) {
  const FirstSecond pairs = join_pairs(x);
  if (count == F32::kLanes) {
    pairs.first.store(to);
    pairs.second.store(to + F32::kLanes);
    return;
  }
  const int64_t numbers = 2 * count;
  pairs.first.store(to, numbers < F32::kLanes ? numbers : F32::kLanes);
  if (numbers > F32::kLanes) pairs.second.store(to + F32::kLanes, numbers - F32::kLanes);
}

}  // namespace mica::cpu::MICA_ISA_NS
