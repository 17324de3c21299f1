#include "mica/cpu/coarse_panel.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "mica/cpu/block_codec.h"
#include "mica/cpu/code_planes.h"

namespace mica::cpu {
namespace {

/// What a step of the coarse codes is in steps of the fine ones.
constexpr int kStep = 8;

float load_scale(ScaleType type, const uint8_t* scales, int row) {
  const int width = scale_bytes(type);
  uint32_t bits = 0;
  std::memcpy(&bits, scales + row * width, static_cast<size_t>(width));
  return scale_value(type, bits);
}

/// Σ of the squares of what rounding the codes of a record has left, for four rows.
class Residue {
 public:
  /// Rounds the codes of four rows.
  ByteVector round(ByteVector codes) {
    const __m128i half = _mm_set1_epi8(kStep / 2);
    const ByteVector rounded = (ByteVector(_mm_adds_epu8(codes.v, half)) >> 3) & ByteVector(31);
    const __m128i left = _mm_sub_epi8(codes.v, (rounded << 3).v);  // −4 … 7
    const __m128i low = _mm_srai_epi16(_mm_unpacklo_epi8(left, left), 8);
    const __m128i high = _mm_srai_epi16(_mm_unpackhi_epi8(left, left), 8);
    low_ = _mm_add_epi32(low_, _mm_madd_epi16(low, low));
    high_ = _mm_add_epi32(high_, _mm_madd_epi16(high, high));
    return rounded;
  }

  void add_to(const float* scales, float* squares) const {
    int32_t pairs[2 * kRowBlock];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(pairs), low_);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(pairs + kRowBlock), high_);
    for (int row = 0; row < kRowBlock; ++row) {
      squares[row] += scales[row] * scales[row] * static_cast<float>(pairs[2 * row] + pairs[2 * row + 1]);
    }
  }

 private:
  __m128i low_ = _mm_setzero_si128();
  __m128i high_ = _mm_setzero_si128();
};

/// From what rounding has left of a row, and the length of a row of the largest numbers that its sums can be made of,
/// to what products with it may differ by.
float bound(float left_squares, float size_squares, int records) {
  // The kernels round x to int8: within a group by at most a 254th of its largest value, so that x becomes at most
  // √32 / 254 = 2.3 % longer.
  constexpr float kLonger = 1.03f;
  // Each record adds to a float32 sum, in both products, with a few roundings of 2⁻²⁴ each.
  const float rounding = static_cast<float>(records + 8) * 0x1p-21f;
  return kLonger * (std::sqrt(left_squares) + rounding * std::sqrt(size_squares));
}

}  // namespace

std::optional<QuantFormat> coarse_format(const QuantFormat& format) {
  if (format.kind == QuantKind::q8_0) return ggml_format(QuantKind::q5_0);
  if (format.kind == QuantKind::affine && format.bits == 8) {
    return affine_format(5, format.group_size, format.scale_type);
  }
  return std::nullopt;
}

void coarsen_panel(const PanelLayout& fine, ScaleType type, const uint8_t* panel, const PanelLayout& coarse,
                   uint8_t* out, float* bounds) {
  float left[kPanelRows] = {};
  float sizes[kPanelRows] = {};
  const int biases = kPanelRows * scale_bytes(type);
  for (int record = 0; record < fine.records; ++record) {
    float scales[kPanelRows];
    for (int row = 0; row < kPanelRows; ++row) {
      const float scale = load_scale(type, panel, row);
      const float bias = fine.has_bias ? load_scale(type, panel + biases, row) : 0.0f;
      store_scale(type, scale * kStep, out, row);
      // Exact but for overflow: then nothing is known of the row.
      scales[row] = load_scale(type, out, row) == scale * kStep ? scale : INFINITY;
      const float size = 128.0f * std::abs(scales[row]) + std::abs(bias);
      sizes[row] += size * size * static_cast<float>(fine.record);
    }
    // What the middle code stands for stays: so do the biases.
    if (fine.has_bias) std::copy_n(panel + biases, biases, out + biases);
    for (int row = 0; row < kPanelRows; row += kRowBlock) {
      Residue residue;
      for (int chunk = 0; chunk < fine.record / kChunkColumns; ++chunk) {
        const uint8_t* codes = panel + fine.scale_bytes + chunk * fine.chunk_bytes + 4 * row;
        const RowQuads quads = {residue.round(ByteVector::load(codes)), residue.round(ByteVector::load(codes + 64)),
                                residue.round(ByteVector::load(codes + 128)),
                                residue.round(ByteVector::load(codes + 192))};
        put_codes(PanelCode::u5, out + coarse.scale_bytes + chunk * coarse.chunk_bytes, row, quads);
      }
      residue.add_to(scales + row, left + row);
    }
    panel += fine.record_bytes();
    out += coarse.record_bytes();
  }
  for (int row = 0; row < kPanelRows; ++row) bounds[row] = bound(left[row], sizes[row], fine.records);
}

}  // namespace mica::cpu
