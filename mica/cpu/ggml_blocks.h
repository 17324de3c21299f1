#pragma once

#include <cstdint>
#include <cstring>

#include "mica/cpu/block_codec.h"
#include "mica/cpu/byte_vector.h"

// The blocks of ggml's kinds as records. The layouts are those of ggml's file format (ggml-common.h).

namespace mica::cpu {
namespace ggml {

inline uint16_t load16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] | (p[1] << 8));
}

inline uint32_t load32(const uint8_t* p) {
  return load16(p) | (static_cast<uint32_t>(load16(p + 2)) << 16);
}

/// `bytes` bytes (a multiple of 16) whose low nibbles come first, then their high nibbles.
inline void nibbles(const uint8_t* in, int bytes, uint8_t* codes) {
  for (int i = 0; i < bytes; i += 16) {
    const Nibbles split(in + i);
    split.low.store(codes + i);
    split.high.store(codes + i + bytes);
  }
}

/// Adds bit i of `bits` to code i as its bit 4.
inline void fifth_bits(uint32_t bits, uint8_t* codes) {
  for (int i = 0; i < 32; ++i) codes[i] |= static_cast<uint8_t>(((bits >> i) & 1) << 4);
}

/// Two-bit codes of Q2_K and Q3_K: 32 bytes hold 128 codes, 32 in each pair of bits.
inline void pairs(const uint8_t* in, uint8_t* codes) {
  for (int half = 0; half < 2; ++half) {
    for (int shift = 0; shift < 4; ++shift) {
      for (int i = 0; i < 32; ++i) *codes++ = (in[32 * half + i] >> (2 * shift)) & 3;
    }
  }
}

/// Scales and minima of Q4_K and Q5_K: eight of each, 6 bits wide, in 12 bytes.
inline void six_bit_pairs(const uint8_t* in, CodeRecord& out) {
  for (int i = 0; i < 4; ++i) {
    out.sub_scales[i] = static_cast<int8_t>(in[i] & 63);
    out.sub_mins[i] = in[i + 4] & 63;
    out.sub_scales[i + 4] = static_cast<int8_t>((in[i + 8] & 15) | ((in[i] >> 6) << 4));
    out.sub_mins[i + 4] = static_cast<uint8_t>((in[i + 8] >> 4) | ((in[i + 4] >> 6) << 4));
  }
}

inline void decode_q2_k(const uint8_t* block, CodeRecord& out) {
  for (int i = 0; i < 16; ++i) {
    out.sub_scales[i] = static_cast<int8_t>(block[i] & 15);
    out.sub_mins[i] = block[i] >> 4;
  }
  pairs(block + 16, out.codes);
  out.scale_bits = load16(block + 80);
  out.bias_bits = load16(block + 82);
}

inline void decode_q3_k(const uint8_t* block, CodeRecord& out) {
  pairs(block + 32, out.codes);
  // Bit j of the 32 mask bytes is bit 2 of the codes 32 j … 32 j + 31.
  for (int i = 0; i < 256; ++i) out.codes[i] |= static_cast<uint8_t>(((block[i % 32] >> (i / 32)) & 1) << 2);
  const uint8_t* scales = block + 96;
  for (int i = 0; i < 16; ++i) {
    const int low = (scales[i % 8] >> (4 * (i / 8))) & 15;
    const int high = (scales[8 + i % 4] >> (2 * (i / 4))) & 3;
    out.sub_scales[i] = static_cast<int8_t>((low | (high << 4)) - 32);
  }
  out.scale_bits = load16(block + 108);
}

inline void decode_q4_k(const uint8_t* block, CodeRecord& out) {
  out.scale_bits = load16(block);
  out.bias_bits = load16(block + 2);
  six_bit_pairs(block + 4, out);
  for (int i = 0; i < 4; ++i) nibbles(block + 16 + 32 * i, 32, out.codes + 64 * i);
}

inline void decode_q5_k(const uint8_t* block, CodeRecord& out) {
  out.scale_bits = load16(block);
  out.bias_bits = load16(block + 2);
  six_bit_pairs(block + 4, out);
  for (int i = 0; i < 4; ++i) nibbles(block + 48 + 32 * i, 32, out.codes + 64 * i);
  const uint8_t* high = block + 16;
  for (int i = 0; i < 256; ++i) out.codes[i] |= static_cast<uint8_t>(((high[i % 32] >> (i / 32)) & 1) << 4);
}

inline void decode_q6_k(const uint8_t* block, CodeRecord& out) {
  const uint8_t* high = block + 128;
  for (int half = 0; half < 2; ++half) {
    uint8_t* codes = out.codes + 128 * half;
    nibbles(block + 64 * half, 64, codes);
    for (int i = 0; i < 128; ++i) {
      codes[i] |= static_cast<uint8_t>(((high[32 * half + i % 32] >> (2 * (i / 32))) & 3) << 4);
    }
  }
  std::memcpy(out.sub_scales, block + 192, 16);
  out.scale_bits = load16(block + 208);
}

inline void decode_iq4_xs(const uint8_t* block, CodeRecord& out) {
  out.scale_bits = load16(block);
  const uint16_t high = load16(block + 2);
  for (int i = 0; i < 8; ++i) {
    const int low = (block[4 + i / 2] >> (4 * (i % 2))) & 15;
    out.sub_scales[i] = static_cast<int8_t>((low | (((high >> (2 * i)) & 3) << 4)) - 32);
    nibbles(block + 8 + 16 * i, 16, out.codes + 32 * i);
  }
}

}  // namespace ggml

/// Decodes one block of a ggml kind into codes and scales (a record). `block` has the kind's bytes per block, at any
/// alignment.
template <QuantKind kind>
inline void decode_ggml_block(const uint8_t* block, CodeRecord& out) {
  using namespace ggml;
  if constexpr (kind == QuantKind::ggml_mxfp4) {
    out.scale_bits = block[0];
    return nibbles(block + 1, 16, out.codes);
  }
  if constexpr (kind == QuantKind::q2_k) return decode_q2_k(block, out);
  if constexpr (kind == QuantKind::q3_k) return decode_q3_k(block, out);
  if constexpr (kind == QuantKind::q4_k) return decode_q4_k(block, out);
  if constexpr (kind == QuantKind::q5_k) return decode_q5_k(block, out);
  if constexpr (kind == QuantKind::q6_k) return decode_q6_k(block, out);
  if constexpr (kind == QuantKind::iq4_xs) return decode_iq4_xs(block, out);
  out.scale_bits = load16(block);
  if constexpr (kind == QuantKind::q4_0 || kind == QuantKind::iq4_nl) nibbles(block + 2, 16, out.codes);
  if constexpr (kind == QuantKind::q4_1) {
    out.bias_bits = load16(block + 2);
    nibbles(block + 4, 16, out.codes);
  }
  if constexpr (kind == QuantKind::q5_0) {
    nibbles(block + 6, 16, out.codes);
    fifth_bits(load32(block + 2), out.codes);
  }
  if constexpr (kind == QuantKind::q5_1) {
    out.bias_bits = load16(block + 2);
    nibbles(block + 8, 16, out.codes);
    fifth_bits(load32(block + 4), out.codes);
  }
  if constexpr (kind == QuantKind::q8_0) {
    for (int i = 0; i < 32; i += 16) (ByteVector::load(block + 2 + i) ^ ByteVector(0x80)).store(out.codes + i);
  }
}

}  // namespace mica::cpu
