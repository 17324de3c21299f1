#pragma once

#include <cstdint>

#include "mica/cpu/quantized_matrix.h"
#include "mica/ops/quant_format.h"

namespace mica::cpu {

/// Every quantized format in one form: a record of values, each
///   value = scale · (level(code) − offset) + bias
/// with unsigned codes of a few bits and a scale (and perhaps a bias) per group. Two-level formats (K-quants) have
/// scale = d · sub_scale and bias = −dmin · sub_min within a record.
struct CodeScheme {
  int code_bits = 0;  ///< 1, 2, 3, 4, 5, 6 or 8
  int record = 0;     ///< values in a record: a multiple of the group
  int group = 0;      ///< values that share a scale
  int offset = 0;
  const uint8_t* levels = nullptr;         ///< 16 levels of 4-bit codes; null: the level is the code itself
  ScaleType scale_type = ScaleType::none;  ///< how scale_bits and bias_bits are to be read
  bool has_bias = false;                   ///< a bias per group or, in two-level formats, sub_mins
  bool two_level = false;
  bool float_codes = false;  ///< codes are e4m3 floats (mxfp8): the level is the float's value, offset 0
  bool half_scale = false;   ///< levels are twice the format's values, so half the stored scale counts
};

/// The scheme of a quantized (not dense) format.
const CodeScheme& code_scheme(const QuantFormat& format);

/// One decoded record.
struct CodeRecord {
  alignas(16) uint8_t codes[256];
  uint32_t scale_bits = 0;  ///< the stored scale, or d
  uint32_t bias_bits = 0;   ///< the stored bias, or dmin
  int8_t sub_scales[16];    ///< two-level: one per group
  uint8_t sub_mins[16];
};

/// A scale or bias from its stored bits.
float scale_value(ScaleType type, uint32_t bits);

/// Rounds a scale or bias to f32, f16 or bf16, as element `index` of an array.
void store_scale(ScaleType type, float value, void* array, int64_t index);

/// The values of a record in f32, rounded as the format's reference implementations do.
void record_values(const CodeScheme& scheme, const CodeRecord& record, float factor, float* out);

}  // namespace mica::cpu
