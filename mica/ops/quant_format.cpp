#include "mica/ops/quant_format.h"

#include <string_view>

#include <fmt/format.h>

#include "mica/base/error.h"

namespace mica {
namespace {

struct KindInfo {
  std::string_view name;
  int bits;
  int group_size;
  int block_size;
  int block_bytes;
};

/// In the order of QuantKind. The numbers of affine are filled in by affine_format.
constexpr KindInfo kKinds[] = {
    {"f32", 32, 1, 1, 4},      {"f16", 16, 1, 1, 2},      {"bf16", 16, 1, 1, 2},       {"affine", 0, 0, 0, 0},
    {"mxfp4", 4, 32, 32, 16},  {"mxfp8", 8, 32, 32, 32},  {"nvfp4", 4, 16, 16, 8},     {"q4_0", 4, 32, 32, 18},
    {"q4_1", 4, 32, 32, 20},   {"q5_0", 5, 32, 32, 22},   {"q5_1", 5, 32, 32, 24},     {"q8_0", 8, 32, 32, 34},
    {"q2_k", 2, 16, 256, 84},  {"q3_k", 3, 16, 256, 110}, {"q4_k", 4, 32, 256, 144},   {"q5_k", 5, 32, 256, 176},
    {"q6_k", 6, 16, 256, 210}, {"iq4_nl", 4, 32, 32, 18}, {"iq4_xs", 4, 32, 256, 136}, {"ggml_mxfp4", 4, 32, 32, 17},
};

const KindInfo& info(QuantKind kind) {
  return kKinds[static_cast<size_t>(kind)];
}

QuantFormat make(QuantKind kind, ScaleType scale_type = ScaleType::none) {
  const KindInfo& of = info(kind);
  return {kind, of.bits, of.group_size, of.block_size, of.block_bytes, scale_type, false};
}

std::string_view scale_name(ScaleType type) {
  constexpr std::string_view kNames[] = {"none", "f32", "f16", "bf16", "e8m0", "e4m3"};
  return kNames[static_cast<size_t>(type)];
}

}  // namespace

int scale_bytes(ScaleType type) {
  switch (type) {
    case ScaleType::none:
      return 0;
    case ScaleType::f32:
      return 4;
    case ScaleType::f16:
    case ScaleType::bf16:
      return 2;
    case ScaleType::e8m0:
    case ScaleType::e4m3:
      return 1;
  }
  return 0;
}

int64_t QuantFormat::row_bytes(int64_t cols) const {
  if (cols < 0 || cols % block_size != 0) {
    fail("{}: a row of {} values is not a whole number of blocks of {}", name(), cols, block_size);
  }
  return cols / block_size * block_bytes;
}

int64_t QuantFormat::scales_per_row(int64_t cols) const {
  return scale_type == ScaleType::none ? 0 : cols / group_size;
}

double QuantFormat::bits_per_weight() const {
  const double scales = static_cast<double>(scale_bytes(scale_type)) * (has_biases ? 2 : 1);
  return 8.0 * (static_cast<double>(block_bytes) / block_size + scales / group_size);
}

std::string QuantFormat::name() const {
  if (kind != QuantKind::affine) return std::string(info(kind).name);
  return fmt::format("affine {}-bit g{} {}", bits, group_size, scale_name(scale_type));
}

QuantFormat dense_format(QuantKind kind) {
  if (kind > QuantKind::bf16) fail("{} is not a dense format", info(kind).name);
  return make(kind);
}

QuantFormat affine_format(int bits, int group_size, ScaleType scale_type) {
  const bool bits_known = (bits >= 1 && bits <= 6) || bits == 8;
  if (!bits_known) fail("affine quantization with {} bits: 1, 2, 3, 4, 5, 6 or 8", bits);
  if (group_size != 32 && group_size != 64 && group_size != 128) {
    fail("affine quantization with groups of {}: 32, 64 or 128", group_size);
  }
  if (scale_bytes(scale_type) < 2) fail("affine scales are f32, f16 or bf16, not {}", scale_name(scale_type));
  return {QuantKind::affine, bits, group_size, group_size, group_size * bits / 8, scale_type, true};
}

QuantFormat mxfp4_format() {
  return make(QuantKind::mxfp4, ScaleType::e8m0);
}
QuantFormat mxfp8_format() {
  return make(QuantKind::mxfp8, ScaleType::e8m0);
}
QuantFormat nvfp4_format() {
  return make(QuantKind::nvfp4, ScaleType::e4m3);
}

QuantFormat ggml_format(QuantKind kind) {
  if (kind <= QuantKind::nvfp4) fail("{} is not a ggml block format", info(kind).name);
  return make(kind);
}

std::optional<QuantFormat> format_of_ggml_type(uint32_t type) {
  switch (type) {
    case 0:
      return dense_format(QuantKind::f32);
    case 1:
      return dense_format(QuantKind::f16);
    case 2:
      return ggml_format(QuantKind::q4_0);
    case 3:
      return ggml_format(QuantKind::q4_1);
    case 6:
      return ggml_format(QuantKind::q5_0);
    case 7:
      return ggml_format(QuantKind::q5_1);
    case 8:
      return ggml_format(QuantKind::q8_0);
    case 10:
      return ggml_format(QuantKind::q2_k);
    case 11:
      return ggml_format(QuantKind::q3_k);
    case 12:
      return ggml_format(QuantKind::q4_k);
    case 13:
      return ggml_format(QuantKind::q5_k);
    case 14:
      return ggml_format(QuantKind::q6_k);
    case 20:
      return ggml_format(QuantKind::iq4_nl);
    case 23:
      return ggml_format(QuantKind::iq4_xs);
    case 30:
      return dense_format(QuantKind::bf16);
    case 39:
      return ggml_format(QuantKind::ggml_mxfp4);
    default:
      return std::nullopt;
  }
}

}  // namespace mica
