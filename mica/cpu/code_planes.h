#pragma once

// Writes and reads the codes of a chunk of a panel (panel.h) in their planes.

#include <cstdint>
#include <cstring>

#include "mica/cpu/byte_vector.h"
#include "mica/cpu/kernels/panel.h"

namespace mica::cpu {

/// Columns of a chunk.
constexpr int kChunkColumns = 16;

inline uint32_t load_word(const uint8_t* p) {
  uint32_t word;
  std::memcpy(&word, p, 4);
  return word;
}

inline void store_word(uint8_t* p, uint32_t word) {
  std::memcpy(p, &word, 4);
}

inline uint32_t spread_bits(uint32_t bits, int bit) {
  return ((bits & 1u) | ((bits & 2u) << 7) | ((bits & 4u) << 14) | ((bits & 8u) << 21)) << bit;
}

inline uint32_t mask_bits(const uint8_t* masks, int quad, int row) {
  return (masks[8 * quad + row / 2] >> (4 * (row % 2))) & 15;
}

/// The four bytes of a quad of one row in vector `vector` of a plane.
inline const uint8_t* word_at(const uint8_t* plane, int vector, int row) {
  return plane + 64 * vector + 4 * row;
}

/// Rows that are packed together.
constexpr int kRowBlock = 4;

/// Quads of four rows: vector i has quad i of each row.
using RowQuads = ByteVector[4];

inline void put_low_2(uint8_t* plane, int row, const RowQuads& quads) {
  (quads[0] | (quads[1] << 2) | (quads[2] << 4) | (quads[3] << 6)).store(plane + 4 * row);
}

inline void put_low_4(uint8_t* plane, int row, const RowQuads& quads) {
  (quads[0] | (quads[1] << 4)).store(plane + 4 * row);
  (quads[2] | (quads[3] << 4)).store(plane + 64 + 4 * row);
}

inline void put_masks(uint8_t* masks, int row, const RowQuads& quads, int bit) {
  for (int i = 0; i < 4; ++i) {
    const uint16_t bits = quads[i].bits(bit);
    std::memcpy(masks + 8 * i + row / 2, &bits, 2);
  }
}

/// Writes 16 codes of each of four rows, from `row` on, into a chunk.
inline void put_codes(PanelCode code, uint8_t* chunk, int row, const RowQuads& quads) {
  const auto masked = [&](int shift, uint8_t mask, auto put, uint8_t* plane) {
    RowQuads part = {quads[0], quads[1], quads[2], quads[3]};
    for (ByteVector& quad : part) quad = (quad >> shift) & ByteVector(mask);
    put(plane, row, part);
  };
  switch (code) {
    case PanelCode::u1:
      return put_masks(chunk, row, quads, 0);
    case PanelCode::u2:
      return put_low_2(chunk, row, quads);
    case PanelCode::u3:
      masked(0, 3, put_low_2, chunk);
      return put_masks(chunk + 64, row, quads, 2);
    case PanelCode::u4:
    case PanelCode::u4_levels:
      return put_low_4(chunk, row, quads);
    case PanelCode::u5:
      masked(0, 15, put_low_4, chunk);
      return put_masks(chunk + 128, row, quads, 4);
    case PanelCode::u6:
      masked(0, 15, put_low_4, chunk);
      return masked(4, 3, put_low_2, chunk + 128);
    default:
      for (int i = 0; i < 4; ++i) quads[i].store(chunk + 64 * i + 4 * row);
  }
}

inline uint32_t low_2(const uint8_t* plane, int quad, int row) {
  return (load_word(word_at(plane, 0, row)) >> (2 * quad)) & 0x03030303u;
}

inline uint32_t low_4(const uint8_t* plane, int quad, int row) {
  return (load_word(word_at(plane, quad / 2, row)) >> (4 * (quad % 2))) & 0x0f0f0f0fu;
}

inline void get_codes(PanelCode code, const uint8_t* chunk, int row, uint8_t* codes) {
  for (int i = 0; i < 4; ++i) {
    uint32_t quad = 0;
    switch (code) {
      case PanelCode::u1:
        quad = spread_bits(mask_bits(chunk, i, row), 0);
        break;
      case PanelCode::u2:
        quad = low_2(chunk, i, row);
        break;
      case PanelCode::u3:
        quad = low_2(chunk, i, row) | spread_bits(mask_bits(chunk + 64, i, row), 2);
        break;
      case PanelCode::u4:
      case PanelCode::u4_levels:
        quad = low_4(chunk, i, row);
        break;
      case PanelCode::u5:
        quad = low_4(chunk, i, row) | spread_bits(mask_bits(chunk + 128, i, row), 4);
        break;
      case PanelCode::u6:
        quad = low_4(chunk, i, row) | (low_2(chunk + 128, i, row) << 4);
        break;
      default:
        quad = load_word(word_at(chunk, i, row));
    }
    store_word(codes + 4 * i, quad);
  }
}

}  // namespace mica::cpu
