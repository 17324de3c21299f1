#include "mica/cpu/block_codec.h"

#include <array>
#include <bit>
#include <cstring>

#include "mica/base/half.h"
#include "mica/cpu/small_float.h"

namespace mica::cpu {
namespace {

// Levels of 4-bit codes, raised by the scheme's offset so that they are unsigned.
constexpr uint8_t kNonlinear[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
constexpr uint8_t kE2m1Doubled[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

CodeScheme affine_scheme(int bits, int group, ScaleType scale_type) {
  return {.code_bits = bits, .record = group, .group = group, .scale_type = scale_type, .has_bias = true};
}

CodeScheme block_scheme(int bits, int offset, bool has_bias = false) {
  return {.code_bits = bits,
          .record = 32,
          .group = 32,
          .offset = offset,
          .scale_type = ScaleType::f16,
          .has_bias = has_bias};
}

CodeScheme two_level_scheme(int bits, int group, int offset, bool has_bias = false) {
  return {.code_bits = bits,
          .record = 256,
          .group = group,
          .offset = offset,
          .scale_type = ScaleType::f16,
          .has_bias = has_bias,
          .two_level = true};
}

CodeScheme e2m1_scheme(int group, ScaleType scale_type) {
  return {.code_bits = 4,
          .record = group,
          .group = group,
          .offset = 12,
          .levels = kE2m1Doubled,
          .scale_type = scale_type,
          .half_scale = true};
}

CodeScheme scheme_of(QuantKind kind) {
  switch (kind) {
    case QuantKind::mxfp4:
    case QuantKind::ggml_mxfp4:
      return e2m1_scheme(32, ScaleType::e8m0);
    case QuantKind::nvfp4:
      return e2m1_scheme(16, ScaleType::e4m3);
    case QuantKind::mxfp8:
      return {.code_bits = 8, .record = 32, .group = 32, .scale_type = ScaleType::e8m0, .float_codes = true};
    case QuantKind::q4_0:
      return block_scheme(4, 8);
    case QuantKind::q4_1:
      return block_scheme(4, 0, true);
    case QuantKind::q5_0:
      return block_scheme(5, 16);
    case QuantKind::q5_1:
      return block_scheme(5, 0, true);
    case QuantKind::q8_0:
      return block_scheme(8, 128);
    case QuantKind::q2_k:
      return two_level_scheme(2, 16, 0, true);
    case QuantKind::q3_k:
      return two_level_scheme(3, 16, 4);
    case QuantKind::q4_k:
      return two_level_scheme(4, 32, 0, true);
    case QuantKind::q5_k:
      return two_level_scheme(5, 32, 0, true);
    case QuantKind::q6_k:
      return two_level_scheme(6, 16, 32);
    case QuantKind::iq4_nl: {
      CodeScheme scheme = block_scheme(4, 128);
      scheme.levels = kNonlinear;
      return scheme;
    }
    case QuantKind::iq4_xs: {
      CodeScheme scheme = two_level_scheme(4, 32, 128);
      scheme.levels = kNonlinear;
      return scheme;
    }
    default:
      return {};
  }
}

/// Place of an affine scheme in a table: scale type and group size are numbered from 0.
size_t affine_index(int type, int group, int bits) {
  return (static_cast<size_t>(type) * 3 + static_cast<size_t>(group)) * 9 + static_cast<size_t>(bits);
}

float group_scale(const CodeScheme& scheme, uint32_t bits) {
  if (!scheme.half_scale) return scale_value(scheme.scale_type, bits);
  if (scheme.scale_type == ScaleType::e8m0) return half_e8m0_to_float(static_cast<uint8_t>(bits));
  return 0.5f * scale_value(scheme.scale_type, bits);
}

float level_minus_offset(const CodeScheme& scheme, uint8_t code) {
  if (scheme.float_codes) return e4m3_to_float(code);
  return static_cast<float>((scheme.levels ? scheme.levels[code] : code) - scheme.offset);
}

}  // namespace

const CodeScheme& code_scheme(const QuantFormat& format) {
  static const auto kinds = [] {
    std::array<CodeScheme, 32> table;
    for (size_t i = 0; i < table.size(); ++i) table[i] = scheme_of(static_cast<QuantKind>(i));
    return table;
  }();
  static const auto affine = [] {
    std::array<CodeScheme, 3 * 3 * 9> table;
    for (int type = 0; type < 3; ++type) {
      for (int group = 0; group < 3; ++group) {
        for (int bits = 0; bits <= 8; ++bits) {
          table[affine_index(type, group, bits)] = affine_scheme(bits, 32 << group, static_cast<ScaleType>(type + 1));
        }
      }
    }
    return table;
  }();
  if (format.kind != QuantKind::affine) return kinds[static_cast<size_t>(format.kind)];
  const int type = static_cast<int>(format.scale_type) - 1;
  const int group = std::countr_zero(static_cast<unsigned>(format.group_size)) - 5;
  return affine[affine_index(type, group, format.bits)];
}

float scale_value(ScaleType type, uint32_t bits) {
  switch (type) {
    case ScaleType::f32:
      return std::bit_cast<float>(bits);
    case ScaleType::f16:
      return half_to_float(static_cast<uint16_t>(bits));
    case ScaleType::bf16:
      return bfloat_to_float(static_cast<uint16_t>(bits));
    case ScaleType::e8m0:
      return e8m0_to_float(static_cast<uint8_t>(bits));
    case ScaleType::e4m3:
      return e4m3_to_float(static_cast<uint8_t>(bits));
    case ScaleType::none:
      break;
  }
  return 1.0f;
}

void store_scale(ScaleType type, float value, void* array, int64_t index) {
  auto* at = static_cast<std::byte*>(array) + index * scale_bytes(type);
  if (type == ScaleType::f32) {
    std::memcpy(at, &value, 4);
  } else {
    const uint16_t bits = type == ScaleType::f16 ? float_to_half(value) : float_to_bfloat(value);
    std::memcpy(at, &bits, 2);
  }
}

void record_values(const CodeScheme& scheme, const CodeRecord& record, float factor, float* out) {
  const float stored_scale = group_scale(scheme, record.scale_bits);
  const float stored_bias = scheme.has_bias ? scale_value(scheme.scale_type, record.bias_bits) : 0.0f;
  for (int group = 0; group < scheme.record / scheme.group; ++group) {
    float scale = stored_scale;
    float bias = stored_bias;
    if (scheme.two_level) {
      scale *= static_cast<float>(record.sub_scales[group]);
      bias *= -static_cast<float>(record.sub_mins[group]);
    }
    const int begin = group * scheme.group;
    for (int i = begin; i < begin + scheme.group; ++i) {
      const float product = scale * level_minus_offset(scheme, record.codes[i]);
      out[i] = (scheme.has_bias ? product + bias : product) * factor;
    }
  }
}

}  // namespace mica::cpu
