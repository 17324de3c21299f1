#pragma once

// Vectors of I32 seen as four bytes a lane: what unpacks weight codes and multiplies them with int8 activations.
//
//   lookup     a table of 16 bytes, indexed by every byte (0 … 15)
//   or_masked  adds a bit to the bytes that a bit mask names
//   Partial    sums of byte products on their way to I32. Without VNNI products are added in 16 bits, which hold only
//              a few of them: `flush` moves them on after at most (32767 / 254 / largest code) calls of dot4
//   kDotBias   what dot4_wide has subtracted from every code (codes above 127 do not fit the 16-bit sums)

#include "mica/cpu/kernels/simd.h"

namespace mica::cpu::MICA_ISA_NS {

#if defined(__AVX512F__)

using ByteTable = __m512i;

inline ByteTable load_table(const uint8_t* levels) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(levels)));
}
inline I32 lookup(ByteTable table, I32 codes) {
  return _mm512_shuffle_epi8(table, codes.v);
}
inline I32 or_masked(I32 bytes, const uint8_t* mask, int8_t bit) {
  __mmask64 bits;
  __builtin_memcpy(&bits, mask, 8);
  // The bit is not set in any byte yet, so adding is or-ing; and only addition comes with a byte mask.
  return _mm512_mask_add_epi8(bytes.v, bits, bytes.v, _mm512_set1_epi8(bit));
}
inline __m512i broadcast4(const int8_t* x) {
  int32_t word;
  __builtin_memcpy(&word, x, 4);
  return _mm512_set1_epi32(word);
}

#if defined(__AVX512VNNI__)

constexpr bool kPartialIsExact = true;
constexpr int kDotBias = 0;
using Partial = I32;
inline Partial dot4(Partial sum, I32 codes, const int8_t* x) {
  // _mm512_dpbusd_epi32(sum, codes, broadcast4(x)), with the broadcast inside of the instruction: from the intrinsic
  // GCC 12 makes a load and several moves for every product, and the prompt kernel loses a third.
  struct Word {
    int8_t bytes[4];
  };
  asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum.v) : "v"(codes.v), "m"(*reinterpret_cast<const Word*>(x)));
  return sum;
}
inline Partial dot4_wide(Partial sum, I32 codes, const int8_t* x) {
  return dot4(sum, codes, x);
}
/// The same with four activations in every lane (broadcast4), for those that are used more than once.
inline Partial dot4(Partial sum, I32 codes, I32 x) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(codes.v), "v"(x.v));
  return sum;
}
inline I32 flush(I32, Partial partial) {
  return partial;
}

#else

constexpr bool kPartialIsExact = false;
constexpr int kDotBias = 128;
struct Partial {
  __m512i v;
  Partial() = default;
  Partial(int) : v(_mm512_setzero_si512()) {}  // NOLINT(google-explicit-constructor)
};
inline Partial dot4(Partial sum, I32 codes, const int8_t* x) {
  sum.v = _mm512_add_epi16(sum.v, _mm512_maddubs_epi16(codes.v, broadcast4(x)));
  return sum;
}
inline Partial dot4_wide(Partial sum, I32 codes, const int8_t* x) {
  const __m512i centred = _mm512_xor_si512(codes.v, _mm512_set1_epi8(-128));
  const __m512i values = broadcast4(x);
  const __m512i signed_values =
      _mm512_mask_sub_epi8(values, _mm512_movepi8_mask(centred), _mm512_setzero_si512(), values);
  sum.v = _mm512_add_epi16(sum.v, _mm512_maddubs_epi16(_mm512_abs_epi8(centred), signed_values));
  return sum;
}
inline I32 flush(I32 sum, Partial partial) {
  return _mm512_add_epi32(sum.v, _mm512_madd_epi16(partial.v, _mm512_set1_epi16(1)));
}

#endif

#elif defined(__AVX2__)

using ByteTable = __m256i;

inline ByteTable load_table(const uint8_t* levels) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(levels)));
}
inline I32 lookup(ByteTable table, I32 codes) {
  return _mm256_shuffle_epi8(table, codes.v);
}
inline I32 or_masked(I32 bytes, const uint8_t* mask, int8_t bit) {
  int32_t bits;
  __builtin_memcpy(&bits, mask, 4);
  // Byte i gets the mask's byte i / 8, of which it keeps bit i % 8.
  const __m256i spread = _mm256_shuffle_epi8(
      _mm256_set1_epi32(bits),
      _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3));
  const __m256i own = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201ull));
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, own), own);
  return _mm256_or_si256(bytes.v, _mm256_and_si256(set, _mm256_set1_epi8(bit)));
}
inline __m256i broadcast4(const int8_t* x) {
  int32_t word;
  __builtin_memcpy(&word, x, 4);
  return _mm256_set1_epi32(word);
}

constexpr bool kPartialIsExact = false;
constexpr int kDotBias = 128;
struct Partial {
  __m256i v;
  Partial() = default;
  Partial(int) : v(_mm256_setzero_si256()) {}  // NOLINT(google-explicit-constructor)
};
inline Partial dot4(Partial sum, I32 codes, const int8_t* x) {
  sum.v = _mm256_add_epi16(sum.v, _mm256_maddubs_epi16(codes.v, broadcast4(x)));
  return sum;
}
inline Partial dot4_wide(Partial sum, I32 codes, const int8_t* x) {
  const __m256i centred = _mm256_xor_si256(codes.v, _mm256_set1_epi8(-128));
  const __m256i products = _mm256_maddubs_epi16(_mm256_abs_epi8(centred), _mm256_sign_epi8(broadcast4(x), centred));
  sum.v = _mm256_add_epi16(sum.v, products);
  return sum;
}
inline I32 flush(I32 sum, Partial partial) {
  return _mm256_add_epi32(sum.v, _mm256_madd_epi16(partial.v, _mm256_set1_epi16(1)));
}

#else

using ByteTable = const uint8_t*;

inline ByteTable load_table(const uint8_t* levels) {
  return levels;
}
inline I32 lookup(ByteTable table, I32 codes) {
  uint8_t bytes[16];
  codes.store(bytes);
  for (uint8_t& byte : bytes) byte = table[byte];
  return I32::load(bytes);
}
inline I32 or_masked(I32 bytes, const uint8_t* mask, int8_t bit) {
  uint8_t out[16];
  bytes.store(out);
  for (int i = 0; i < 16; ++i) {
    if ((mask[i / 8] >> (i % 8)) & 1) out[i] = static_cast<uint8_t>(out[i] | bit);
  }
  return I32::load(out);
}

constexpr bool kPartialIsExact = true;
constexpr int kDotBias = 0;
using Partial = I32;
inline Partial dot4(Partial sum, I32 codes, const int8_t* x) {
  uint8_t bytes[16];
  codes.store(bytes);
  return I32::make([&](int i) {
    int32_t total = sum.v[i];
    for (int j = 0; j < 4; ++j) total += bytes[4 * i + j] * x[j];
    return total;
  });
}
inline Partial dot4_wide(Partial sum, I32 codes, const int8_t* x) {
  return dot4(sum, codes, x);
}
inline I32 flush(I32, Partial partial) {
  return partial;
}

#endif

}  // namespace mica::cpu::MICA_ISA_NS
