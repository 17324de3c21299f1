#pragma once

#include <cstdint>

#include <emmintrin.h>

namespace mica::cpu {

/// 16 bytes in a register that every x86-64 has: enough for what is limited by memory.
struct ByteVector {
  __m128i v;

  ByteVector(__m128i value) : v(value) {}  // NOLINT(google-explicit-constructor)
  explicit ByteVector(uint8_t value) : v(_mm_set1_epi8(static_cast<char>(value))) {}

  static ByteVector load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  void store(void* p) const { _mm_storeu_si128(static_cast<__m128i*>(p), v); }

  friend ByteVector operator&(ByteVector a, ByteVector b) { return _mm_and_si128(a.v, b.v); }
  friend ByteVector operator|(ByteVector a, ByteVector b) { return _mm_or_si128(a.v, b.v); }
  friend ByteVector operator^(ByteVector a, ByteVector b) { return _mm_xor_si128(a.v, b.v); }
  /// Shifts words of two bytes: what leaves a byte comes into its neighbour.
  friend ByteVector operator<<(ByteVector a, int bits) { return _mm_sll_epi16(a.v, _mm_cvtsi32_si128(bits)); }
  friend ByteVector operator>>(ByteVector a, int bits) { return _mm_srl_epi16(a.v, _mm_cvtsi32_si128(bits)); }

  /// Bit i is bit `bit` of byte i.
  uint16_t bits(int bit) const { return static_cast<uint16_t>(_mm_movemask_epi8((*this << (7 - bit)).v)); }
};

/// The halves of 16 bytes.
struct Nibbles {
  ByteVector low;
  ByteVector high;

  explicit Nibbles(const uint8_t* bytes)
      : low(ByteVector::load(bytes) & ByteVector(15)), high((ByteVector::load(bytes) >> 4) & ByteVector(15)) {}
};

/// Words of four bytes: word i of each of four vectors in vector i.
inline void transpose_words(ByteVector (&rows)[4]) {
  const __m128i low01 = _mm_unpacklo_epi32(rows[0].v, rows[1].v);
  const __m128i low23 = _mm_unpacklo_epi32(rows[2].v, rows[3].v);
  const __m128i high01 = _mm_unpackhi_epi32(rows[0].v, rows[1].v);
  const __m128i high23 = _mm_unpackhi_epi32(rows[2].v, rows[3].v);
  rows[0] = _mm_unpacklo_epi64(low01, low23);
  rows[1] = _mm_unpackhi_epi64(low01, low23);
  rows[2] = _mm_unpacklo_epi64(high01, high23);
  rows[3] = _mm_unpackhi_epi64(high01, high23);
}

}  // namespace mica::cpu
