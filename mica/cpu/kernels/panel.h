#pragma once

#include <cstdint>
#include <span>

namespace mica::cpu {

/// Output rows that are interleaved in a packed matrix.
constexpr int kPanelRows = 16;

/// How weights stand in a panel.
///
/// Integer codes come in chunks of 16 columns × 16 rows. Their low bits (2, 4 or 8 of them) are planes of vectors of
/// 64 bytes, in which byte 4 · row + column is the code of one row and one of 4 columns (a "quad"):
///   8 bits  four vectors, one a quad
///   4 bits  two vectors: quads 0, 1 in the low and high nibbles of the first, 2, 3 of the second
///   2 bits  one vector: quad i in bits 2 i and 2 i + 1
/// then the high bits: 2 more bits (u6) as a 2-bit vector, 1 more bit (u3, u5; u1 has no others) as four masks of 64
/// bits, bit i for byte i. e4m3 is laid out like u8. bf16 comes in pairs of columns: 32-bit words, one a row, the even
/// column low. f16 and f32 are one vector of 16 values a column.
enum class PanelCode : uint8_t { u1, u2, u3, u4, u4_levels, u5, u6, u8, e4m3, bf16, f16, f32 };

/// How the scale of a group is stored, 16 values, one a row. The half_ types count half their value.
enum class PanelScale : uint8_t { none, f32, f16, bf16, e8m0, half_e8m0, half_e4m3, two_level, two_level_nibbles };

/// A panel is a row of records; a record is
///   scales: the scales of its group, then the biases if any. two_level: d (f16), then dmin (f16) if there are biases,
///           then for every group 16 sub-scales (int8), then for every group 16 sub-minima (uint8) if there are
///           biases. two_level_nibbles (with biases): one byte for both, the sub-scale low
///   codes:  record / 16 chunks
struct PanelLayout {
  PanelCode code = PanelCode::f32;
  PanelScale scale = PanelScale::none;
  bool has_bias = false;
  int32_t record = 16;      ///< columns
  int32_t group = 16;       ///< columns that share a scale; divides the record
  int32_t scale_bytes = 0;  ///< bytes of the scales of a record
  int32_t chunk_bytes = 0;  ///< bytes of 16 columns
  int32_t records = 0;      ///< in a panel
  float offset = 0.0f;      ///< value = scale · (level − offset) + bias
  uint8_t levels[16] = {};  ///< of u4_levels

  int32_t record_bytes() const { return scale_bytes + record / 16 * chunk_bytes; }
  int64_t panel_bytes() const { return static_cast<int64_t>(records) * record_bytes(); }
  /// Whether a record is one group whose scales are loaded as they are, for steps of 32 columns.
  bool is_direct() const {
    return record == group && group % 32 == 0 && (scale == PanelScale::f16 || scale == PanelScale::bf16);
  }
  /// Whether a value is scale · (level − offset), too.
  bool is_symmetric() const { return is_direct() && !has_bias; }
  /// The level that dot products start from (PanelProduct::x_starts): the one of value 0 where there are no biases,
  /// otherwise the one in the middle. What the biases still have to add is small then: a few steps, not half of the
  /// range.
  int32_t centre() const { return has_bias ? 1 << (code_bits() - 1) : static_cast<int32_t>(offset); }
  /// Of integer codes.
  int32_t code_bits() const { return chunk_bytes / (2 * kPanelRows); }
};

/// Activations that share a scale.
constexpr int kActivationGroup = 32;

/// What rounding a group of one activation row to int8 leaves, rounded itself: a second digit of each value.
struct alignas(64) Rest {
  int8_t values[kActivationGroup];
  float scale;
  float sums[2];  ///< Σ of each half's values, times the scale
  int32_t group;  ///< of the row: columns from group · 32 on
  int32_t row;    ///< of the tile
};

/// Work of one kernel call: `panels` consecutive panels times one tile of activation rows.
struct PanelProduct {
  const PanelLayout* layout = nullptr;
  const uint8_t* panels = nullptr;
  int64_t panel_count = 0;
  /// Tile of `rows` (at most 12) activation rows: values [column / 4][rows][4] in int8 with a scale and a sum per step
  /// ([step][rows], see Activations), [column / 2][rows][2] in bf16, or [column][rows] in f32.
  const void* x = nullptr;
  const float* x_scales = nullptr;
  const float* x_sums = nullptr;
  const int32_t* x_starts = nullptr;  ///< −centre · Σ of a step's int8 values, as x_sums; for is_direct layouts
  const uint32_t* x_pairs = nullptr;  ///< x_sums in bf16, [step / 2][rows]: the even step low; for biased_int8_product
  int32_t rows = 0;
  int32_t step = 0;             ///< columns of a step: 16 or 32
  std::span<const Rest> rests;  ///< of the tile, by ascending group; none in f32
  /// Row i of the output is residual + scale · (factor · sum + bias), without a residual factor · sum + bias.
  float* y = nullptr;  ///< row i at y + i · y_stride; 16 columns a panel
  int64_t y_stride = 0;
  int64_t y_cols = 0;  ///< columns left from y on: the last panel may be cut
  const float* bias = nullptr;
  const float* residual = nullptr;  ///< laid out like y, or null
  float scale = 1.0f;
  float factor = 1.0f;
};

}  // namespace mica::cpu
