#pragma once

// Unpacks the codes of a packed matrix (panel.h): one policy a code width. `unpack` gives two of the four quads of a
// chunk for one block of F32::kLanes rows of the panel.

#include "mica/cpu/kernels/panel.h"
#include "mica/cpu/kernels/simd_bytes.h"

namespace mica::cpu::MICA_ISA_NS {

/// Blocks of rows in a panel.
constexpr int kBlocks = kPanelRows / F32::kLanes;
/// Bytes of a block's part of a 64-byte vector of codes, and of its part of a 64-bit mask.
constexpr int kBlockBytes = 4 * F32::kLanes;
constexpr int kBlockMaskBytes = F32::kLanes / 2;

/// All bytes of a lane equal.
constexpr int32_t repeat_byte(int byte) {
  return static_cast<int32_t>(0x01010101u * static_cast<uint32_t>(byte));
}

/// Low 2 or 4 bits of the quads 2 · pair and 2 · pair + 1.
template <int pair>
inline void unpack_2(const uint8_t* chunk, int block, I32 (&quads)[2]) {
  const I32 mask = repeat_byte(3);
  const I32 all = I32::load(chunk + block * kBlockBytes);
  quads[0] = pair == 0 ? all & mask : shift_right<4>(all) & mask;
  quads[1] = shift_right<4 * pair + 2>(all) & mask;
}

template <int pair>
inline void unpack_4(const uint8_t* chunk, int block, I32 (&quads)[2]) {
  const I32 mask = repeat_byte(15);
  const I32 both = I32::load(chunk + 64 * pair + block * kBlockBytes);
  quads[0] = both & mask;
  quads[1] = shift_right<4>(both) & mask;
}

/// Adds bit `bit` from the masks of a pair of quads, the four of a chunk being at `masks`.
template <int pair, int bit>
inline void add_mask_bits(const uint8_t* masks, int block, I32 (&quads)[2]) {
  for (int i = 0; i < 2; ++i) {
    quads[i] = or_masked(quads[i], masks + 8 * (2 * pair + i) + block * kBlockMaskBytes, static_cast<int8_t>(1 << bit));
  }
}

/// What every policy says: the largest level (how many products 16 bits hold) and whether levels may be above 127.
template <int largest>
struct CodeRange {
  static constexpr bool kWide = largest > 127;
  /// Quads that dot4 may add up before a flush.
  static constexpr int kFlush = kWide ? 1 : 32767 / 254 / largest >= 4 ? 4 : 32767 / 254 / largest >= 2 ? 2 : 1;
};

struct CodeU1 : CodeRange<1> {
  explicit CodeU1(const PanelLayout&) {}
  template <int pair>
  void unpack(const uint8_t* chunk, int block, I32 (&quads)[2]) const {
    quads[0] = quads[1] = I32(0);
    add_mask_bits<pair, 0>(chunk, block, quads);
  }
};

struct CodeU2 : CodeRange<3> {
  explicit CodeU2(const PanelLayout&) {}
  template <int pair>
  void unpack(const uint8_t* chunk, int block, I32 (&quads)[2]) const {
    unpack_2<pair>(chunk, block, quads);
  }
};

struct CodeU3 : CodeRange<7> {
  explicit CodeU3(const PanelLayout&) {}
  template <int pair>
  void unpack(const uint8_t* chunk, int block, I32 (&quads)[2]) const {
    unpack_2<pair>(chunk, block, quads);
    add_mask_bits<pair, 2>(chunk + 64, block, quads);
  }
};

struct CodeU4 : CodeRange<15> {
  explicit CodeU4(const PanelLayout&) {}
  template <int pair>
  void unpack(const uint8_t* chunk, int block, I32 (&quads)[2]) const {
    unpack_4<pair>(chunk, block, quads);
  }
};

struct CodeLevels : CodeRange<255> {
  explicit CodeLevels(const PanelLayout& layout) : table(load_table(layout.levels)) {}
  template <int pair>
  void unpack(const uint8_t* chunk, int block, I32 (&quads)[2]) const {
    unpack_4<pair>(chunk, block, quads);
    for (I32& quad : quads) quad = lookup(table, quad);
  }
  ByteTable table;
};

struct CodeU5 : CodeRange<31> {
  explicit CodeU5(const PanelLayout&) {}
  template <int pair>
  void unpack(const uint8_t* chunk, int block, I32 (&quads)[2]) const {
    unpack_4<pair>(chunk, block, quads);
    add_mask_bits<pair, 4>(chunk + 128, block, quads);
  }
};

struct CodeU6 : CodeRange<63> {
  explicit CodeU6(const PanelLayout&) {}
  template <int pair>
  void unpack(const uint8_t* chunk, int block, I32 (&quads)[2]) const {
    unpack_4<pair>(chunk, block, quads);
    I32 high[2];
    unpack_2<pair>(chunk + 128, block, high);
    for (int i = 0; i < 2; ++i) quads[i] = quads[i] | shift_left<4>(high[i]);
  }
};

struct CodeU8 : CodeRange<255> {
  explicit CodeU8(const PanelLayout&) {}
  template <int pair>
  void unpack(const uint8_t* chunk, int block, I32 (&quads)[2]) const {
    for (int i = 0; i < 2; ++i) quads[i] = I32::load(chunk + 64 * (2 * pair + i) + block * kBlockBytes);
  }
};

/// Calls function.operator()<Code>() with the policy of integer codes; false where the code is none of them.
template <typename Function>
inline bool with_code(PanelCode code, Function function) {
  switch (code) {
    case PanelCode::u1:
      function.template operator()<CodeU1>();
      return true;
    case PanelCode::u2:
      function.template operator()<CodeU2>();
      return true;
    case PanelCode::u3:
      function.template operator()<CodeU3>();
      return true;
    case PanelCode::u4:
      function.template operator()<CodeU4>();
      return true;
    case PanelCode::u4_levels:
      function.template operator()<CodeLevels>();
      return true;
    case PanelCode::u5:
      function.template operator()<CodeU5>();
      return true;
    case PanelCode::u6:
      function.template operator()<CodeU6>();
      return true;
    case PanelCode::u8:
      function.template operator()<CodeU8>();
      return true;
    default:
      return false;
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
