#include "mica/cpu/panel_packing.h"

#include <algorithm>
#include <cstring>

#include "mica/base/half.h"
#include "mica/cpu/byte_vector.h"
#include "mica/cpu/code_planes.h"
#include "mica/cpu/record_reader.h"

namespace mica::cpu {
namespace {

PanelCode panel_code(const QuantFormat& format) {
  switch (format.kind) {
    case QuantKind::f32:
      return PanelCode::f32;
    case QuantKind::f16:
      return PanelCode::f16;
    case QuantKind::bf16:
      return PanelCode::bf16;
    case QuantKind::mxfp8:
      return PanelCode::e4m3;
    default:
      break;
  }
  const CodeScheme& scheme = code_scheme(format);
  if (scheme.levels) return PanelCode::u4_levels;
  switch (scheme.code_bits) {
    case 1:
      return PanelCode::u1;
    case 2:
      return PanelCode::u2;
    case 3:
      return PanelCode::u3;
    case 4:
      return PanelCode::u4;
    case 5:
      return PanelCode::u5;
    case 6:
      return PanelCode::u6;
    default:
      return PanelCode::u8;
  }
}

PanelScale panel_scale(const CodeScheme& scheme) {
  // Sub-scales and minima of 2-bit codes (Q2_K) have 4 bits each; a byte for each would cost an eighth more room.
  if (scheme.two_level) return scheme.code_bits == 2 ? PanelScale::two_level_nibbles : PanelScale::two_level;
  switch (scheme.scale_type) {
    case ScaleType::f32:
      return PanelScale::f32;
    case ScaleType::f16:
      return PanelScale::f16;
    case ScaleType::bf16:
      return PanelScale::bf16;
    case ScaleType::e8m0:
      return scheme.half_scale ? PanelScale::half_e8m0 : PanelScale::e8m0;
    case ScaleType::e4m3:
      return PanelScale::half_e4m3;
    case ScaleType::none:
      break;
  }
  return PanelScale::none;
}

/// Bytes of each of the scales at the head of a record.
int head_bytes(const CodeScheme& scheme) {
  return scale_bytes(scheme.scale_type);
}

/// Sub-scales (and minima) of one row, `subs` being where those of the record begin.
void put_subs(const CodeScheme& scheme, const CodeRecord& record, int row, uint8_t* subs) {
  const int groups = scheme.record / scheme.group;
  for (int group = 0; group < groups; ++group) {
    uint8_t* at = subs + group * kPanelRows + row;
    *at = static_cast<uint8_t>(record.sub_scales[group]);
    if (scheme.has_bias && scheme.code_bits == 2) *at |= static_cast<uint8_t>(record.sub_mins[group] << 4);
    if (scheme.has_bias && scheme.code_bits != 2) at[groups * kPanelRows] = record.sub_mins[group];
  }
}

void get_subs(const CodeScheme& scheme, const uint8_t* subs, int row, CodeRecord& record) {
  const int groups = scheme.record / scheme.group;
  for (int group = 0; group < groups; ++group) {
    const uint8_t* at = subs + group * kPanelRows + row;
    const bool nibbles = scheme.has_bias && scheme.code_bits == 2;
    record.sub_scales[group] = static_cast<int8_t>(nibbles ? *at & 15 : *at);
    if (scheme.has_bias) record.sub_mins[group] = nibbles ? *at >> 4 : at[groups * kPanelRows];
  }
}

/// A scale of `width` bytes.
void put_scale(uint32_t bits, int width, uint8_t* out) {
  if (width == 4) {
    store_word(out, bits);
  } else {
    out[0] = static_cast<uint8_t>(bits);
    if (width == 2) out[1] = static_cast<uint8_t>(bits >> 8);
  }
}

/// Writes a record of each of four rows, from `row` on; `out` is where the panel's record begins.
void put_records(const CodeScheme& scheme, const PanelLayout& layout, const CodeRecord (&records)[kRowBlock], int row,
                 uint8_t* out) {
  const int head = head_bytes(scheme);
  for (int i = 0; i < kRowBlock; ++i) {
    put_scale(records[i].scale_bits, head, out + (row + i) * head);
    uint8_t* next = out + kPanelRows * head;
    if (scheme.has_bias) {
      put_scale(records[i].bias_bits, head, next + (row + i) * head);
      next += kPanelRows * head;
    }
    if (scheme.two_level) put_subs(scheme, records[i], row + i, next);
  }
  uint8_t* chunk = out + layout.scale_bytes;
  for (int column = 0; column < scheme.record; column += kChunkColumns, chunk += layout.chunk_bytes) {
    RowQuads quads = {ByteVector::load(records[0].codes + column), ByteVector::load(records[1].codes + column),
                      ByteVector::load(records[2].codes + column), ByteVector::load(records[3].codes + column)};
    transpose_words(quads);
    put_codes(layout.code, chunk, row, quads);
  }
}

void get_record(const CodeScheme& scheme, const PanelLayout& layout, const uint8_t* in, int row, CodeRecord& record) {
  const int head = head_bytes(scheme);
  record.scale_bits = record.bias_bits = 0;
  std::memcpy(&record.scale_bits, in + row * head, static_cast<size_t>(head));
  const uint8_t* next = in + kPanelRows * head;
  if (scheme.has_bias) {
    std::memcpy(&record.bias_bits, next + row * head, static_cast<size_t>(head));
    next += kPanelRows * head;
  }
  if (scheme.two_level) get_subs(scheme, next, row, record);
  const uint8_t* chunk = in + layout.scale_bytes;
  for (int column = 0; column < scheme.record; column += kChunkColumns, chunk += layout.chunk_bytes) {
    get_codes(layout.code, chunk, row, record.codes + column);
  }
}

int dense_bytes(PanelCode code) {
  return code == PanelCode::f32 ? 4 : 2;
}

/// Where the value of a row and a column stands in a dense panel.
int64_t dense_offset(PanelCode code, int64_t column, int row) {
  if (code == PanelCode::bf16) return (column / 2 * kPanelRows + row) * 4 + column % 2 * 2;
  return (column * kPanelRows + row) * dense_bytes(code);
}

/// Words of four bytes (pairs of bf16, f32) of four rows at a time, then what is left of the rows.
void pack_dense(const QuantizedMatrix& source, PanelCode code, int64_t first_row, int64_t rows, uint8_t* panel) {
  const int width = dense_bytes(code);
  const int64_t row_bytes = source.format.row_bytes(source.cols);
  const auto* in = static_cast<const uint8_t*>(source.codes) + first_row * row_bytes;
  const auto put_value = [&](int64_t column, int64_t row) {
    std::memcpy(panel + dense_offset(code, column, static_cast<int>(row)), in + row * row_bytes + column * width,
                width == 4 ? 4 : 2);
  };
  const int64_t blocks = code == PanelCode::f16 ? 0 : rows / kRowBlock * kRowBlock;
  const int64_t whole = row_bytes / 16 * 16;
  for (int64_t row = 0; row < blocks; row += kRowBlock) {
    const uint8_t* from = in + row * row_bytes;
    for (int64_t at = 0; at < whole; at += 16) {
      RowQuads words = {ByteVector::load(from + at), ByteVector::load(from + row_bytes + at),
                        ByteVector::load(from + 2 * row_bytes + at), ByteVector::load(from + 3 * row_bytes + at)};
      transpose_words(words);
      for (int i = 0; i < 4; ++i) words[i].store(panel + (at / 4 + i) * 4 * kPanelRows + 4 * row);
    }
    for (int64_t i = row; i < row + kRowBlock; ++i) {
      for (int64_t column = whole / width; column < source.cols; ++column) put_value(column, i);
    }
  }
  for (int64_t row = blocks; row < rows; ++row) {
    for (int64_t column = 0; column < source.cols; ++column) put_value(column, row);
  }
}

float dense_value(PanelCode code, const uint8_t* at) {
  if (code == PanelCode::f32) {
    float value;
    std::memcpy(&value, at, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, at, 2);
  return code == PanelCode::f16 ? half_to_float(bits) : bfloat_to_float(bits);
}

}  // namespace

PanelLayout panel_layout(const QuantFormat& format, int64_t cols) {
  PanelLayout layout;
  layout.code = panel_code(format);
  if (format.is_dense()) {
    layout.chunk_bytes = kChunkColumns * kPanelRows * dense_bytes(layout.code);
    layout.records = static_cast<int32_t>((cols + kChunkColumns - 1) / kChunkColumns);
    return layout;
  }
  const CodeScheme& scheme = code_scheme(format);
  layout.scale = panel_scale(scheme);
  layout.has_bias = scheme.has_bias;
  layout.record = scheme.record;
  layout.group = scheme.group;
  layout.offset = static_cast<float>(scheme.offset);
  const int arrays = scheme.has_bias ? 2 : 1;
  layout.scale_bytes = kPanelRows * arrays * head_bytes(scheme);
  const int sub_arrays = layout.scale == PanelScale::two_level_nibbles ? 1 : arrays;
  if (scheme.two_level) layout.scale_bytes += kPanelRows * sub_arrays * (scheme.record / scheme.group);
  layout.chunk_bytes = 2 * kPanelRows * scheme.code_bits;
  layout.records = static_cast<int32_t>(cols / scheme.record);
  if (scheme.levels) std::copy_n(scheme.levels, 16, layout.levels);
  return layout;
}

void pack_panel(const QuantizedMatrix& source, const PanelLayout& layout, int64_t first_row, int64_t rows,
                uint8_t* panel) {
  if (source.format.is_dense()) {
    std::memset(panel, 0, static_cast<size_t>(layout.panel_bytes()));
    return pack_dense(source, layout.code, first_row, rows, panel);
  }
  const CodeScheme& scheme = code_scheme(source.format);
  with_record_reader(source, [&](const auto& reader) {
    for (int row = 0; row < kPanelRows; row += kRowBlock) {
      CodeRecord records[kRowBlock] = {};  // rows that there are not stay zeros
      const int64_t count = std::clamp<int64_t>(rows - row, 0, kRowBlock);
      for (int32_t index = 0; index < layout.records; ++index) {
        for (int64_t i = 0; i < count; ++i) reader.read(first_row + row + i, index, records[i]);
        put_records(scheme, layout, records, row, panel + static_cast<int64_t>(index) * layout.record_bytes());
      }
    }
  });
}

void unpack_panel_row(const QuantFormat& format, const PanelLayout& layout, const uint8_t* panel, int row, int64_t cols,
                      float factor, float* out) {
  if (format.is_dense()) {
    for (int64_t column = 0; column < cols; ++column) {
      out[column] = dense_value(layout.code, panel + dense_offset(layout.code, column, row));
    }
    return;
  }
  const CodeScheme& scheme = code_scheme(format);
  CodeRecord record;
  for (int32_t index = 0; index < layout.records; ++index) {
    get_record(scheme, layout, panel + static_cast<int64_t>(index) * layout.record_bytes(), row, record);
    record_values(scheme, record, factor, out + static_cast<int64_t>(index) * scheme.record);
  }
}

}  // namespace mica::cpu
