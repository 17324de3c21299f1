#pragma once

// The weights of a panel as f32 columns (one vector: one column, a block of rows): one policy a layout. `quad` gives
// columns 4 · index … 4 · index + 3 of a chunk, after `open` has seen the chunk.

#include "mica/cpu/kernels/panel_scales.h"

namespace mica::cpu::MICA_ISA_NS {

inline I32 byte_of_lane(I32 lanes, int index) {
  switch (index) {
    case 0:
      return lanes & I32(255);
    case 1:
      return shift_right<8>(lanes) & I32(255);
    case 2:
      return shift_right<16>(lanes) & I32(255);
    default:
      return shift_right<24>(lanes);
  }
}

template <typename Code>
struct CodeColumns {
  explicit CodeColumns(const PanelLayout& layout) : code(layout) {}
  void open(const uint8_t* chunk, int block) {
    code.template unpack<0>(chunk, block, pairs[0]);
    code.template unpack<1>(chunk, block, pairs[1]);
  }
  void quad(int index, F32 scale, F32 bias, F32 (&columns)[4]) const {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) columns[i] = fma(to_f32(byte_of_lane(pairs[index / 2][index % 2], i)), scale, bias);
  }
  Code code;
  I32 pairs[2][2];
};

struct E4m3Columns {
  explicit E4m3Columns(const PanelLayout& layout) : code(layout) {}
  void open(const uint8_t* chunk, int block) {
    code.unpack<0>(chunk, block, pairs[0]);
    code.unpack<1>(chunk, block, pairs[1]);
  }
  void quad(int index, F32 scale, F32, F32 (&columns)[4]) const {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) columns[i] = e4m3_to_f32(byte_of_lane(pairs[index / 2][index % 2], i)) * scale;
  }
  CodeU8 code;
  I32 pairs[2][2];
};

struct Bf16Columns {
  explicit Bf16Columns(const PanelLayout&) {}
  void open(const uint8_t* chunk, int block) { words = chunk + block * kBlockBytes; }
  void quad(int index, F32, F32, F32 (&columns)[4]) const {
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const I32 pair = I32::load(words + 64 * (2 * index + i));
      columns[2 * i] = as_f32(shift_left<16>(pair));
      columns[2 * i + 1] = as_f32(pair & I32(static_cast<int32_t>(0xffff0000u)));
    }
  }
  const uint8_t* words;
};

struct F16Columns {
  explicit F16Columns(const PanelLayout&) {}
  void open(const uint8_t* chunk, int block) {
    values = reinterpret_cast<const uint16_t*>(chunk) + block * F32::kLanes;
  }
  void quad(int index, F32, F32, F32 (&columns)[4]) const {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) columns[i] = F32::load_f16(values + (4 * index + i) * kPanelRows);
  }
  const uint16_t* values;
};

struct F32Columns {
  explicit F32Columns(const PanelLayout&) {}
  void open(const uint8_t* chunk, int block) { values = reinterpret_cast<const float*>(chunk) + block * F32::kLanes; }
  void quad(int index, F32, F32, F32 (&columns)[4]) const {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) columns[i] = F32::load(values + (4 * index + i) * kPanelRows);
  }
  const float* values;
};

}  // namespace mica::cpu::MICA_ISA_NS
