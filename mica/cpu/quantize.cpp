#include "mica/cpu/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "mica/base/error.h"
#include "mica/base/half.h"
#include "mica/cpu/block_codec.h"
#include "mica/cpu/small_float.h"

namespace mica::cpu {
namespace {

/// Appends codes of a fixed width to a little-endian bit stream.
class BitWriter {
 public:
  BitWriter(void* out, int bits) : out_(static_cast<uint8_t*>(out)), bits_(bits) {}

  void put(uint32_t code) {
    window_ |= code << filled_;
    for (filled_ += bits_; filled_ >= 8; filled_ -= 8) {
      *out_++ = static_cast<uint8_t>(window_);
      window_ >>= 8;
    }
  }

 private:
  uint8_t* out_;
  int bits_;
  uint32_t window_ = 0;
  int filled_ = 0;
};

struct AffineScale {
  float scale;
  float bias;
};

/// Scale and bias of a group as Metal's kernel finds them: the edge of the range that is farther from zero is stored
/// exactly as a bias, and zero falls on a code.
AffineScale affine_scale(const float* values, int group, float top_code) {
  float most = 0.0f;
  float least = values[0];
  for (int i = 0; i < group; ++i) {
    most = std::max(most, values[i]);
    least = std::min(least, values[i]);
  }
  float scale = std::max((most - least) / top_code, 1e-7f);
  const bool low_edge = std::fabs(least) > std::fabs(most);
  if (!low_edge) scale = -scale;
  const float edge = low_edge ? least : most;
  const float zero_code = std::round(edge / scale);
  if (zero_code == 0.0f) return {scale, 0.0f};
  return {edge / zero_code, edge};
}

/// Of one bit: codes for the least and the largest value.
AffineScale binary_scale(const float* values, int group) {
  const auto [least, most] = std::minmax_element(values, values + group);
  return {std::max(*most - *least, 1e-7f), *least};
}

void quantize_affine(const QuantFormat& format, const float* values, int64_t cols, const QuantizedRow& out) {
  const auto top_code = static_cast<float>((1 << format.bits) - 1);
  BitWriter codes(out.codes, format.bits);
  for (int64_t group = 0; group < cols / format.group_size; ++group) {
    const float* in = values + group * format.group_size;
    const AffineScale of =
        format.bits == 1 ? binary_scale(in, format.group_size) : affine_scale(in, format.group_size, top_code);
    store_scale(format.scale_type, of.scale, out.scales, group);
    store_scale(format.scale_type, of.bias, out.biases, group);
    for (int i = 0; i < format.group_size; ++i) {
      // The lower clamp also takes NaN; Metal has none, but its codes are never below 0 for finite values.
      const float code = std::min(std::round((in[i] - of.bias) / of.scale), top_code);
      codes.put(code > 0.0f ? static_cast<uint32_t>(code) : 0u);
    }
  }
}

float largest_magnitude(const float* values, int count) {
  float most = 0.0f;
  for (int i = 0; i < count; ++i) most = std::max(most, std::fabs(values[i]));
  return most;
}

/// The least e8m0 scale that is not below `ratio`, so that the largest element of a group does not saturate; 0xff for
/// a ratio that is not finite.
uint8_t e8m0_not_below(float ratio) {
  if (!std::isfinite(ratio)) return 0xff;
  int exponent = 0;
  const float fraction = std::frexp(ratio, &exponent);  // ratio = fraction · 2^exponent, fraction in [0.5, 1)
  if (ratio == 0.0f) return 0;
  if (fraction == 0.5f) --exponent;
  return static_cast<uint8_t>(std::clamp(exponent, -127, 127) + 127);
}

uint8_t encode_element(const QuantFormat& format, float value) {
  return format.bits == 4 ? float_to_e2m1(value) : float_to_e4m3(value);
}

void quantize_microscaled(const QuantFormat& format, const float* values, int64_t cols, const QuantizedRow& out,
                          float global_scale) {
  const bool nvfp4 = format.kind == QuantKind::nvfp4;
  const float encode_scale = nvfp4 && global_scale > 0.0f ? 448.0f * 6.0f / global_scale : 1.0f;
  const float largest = format.bits == 4 ? 6.0f : 448.0f;
  auto* scales = static_cast<uint8_t*>(out.scales);
  BitWriter codes(out.codes, format.bits);
  for (int64_t group = 0; group < cols / format.group_size; ++group) {
    const float* in = values + group * format.group_size;
    const float ratio = largest_magnitude(in, format.group_size) / largest;
    scales[group] = nvfp4 ? float_to_e4m3(ratio * encode_scale) : e8m0_not_below(ratio);
    const float scale = nvfp4 ? e4m3_to_float(scales[group]) : e8m0_to_float(scales[group]);
    const float to_code = scale == 0.0f ? 0.0f : encode_scale / scale;
    for (int i = 0; i < format.group_size; ++i) codes.put(encode_element(format, in[i] * to_code));
  }
}

}  // namespace

void quantize_row(const QuantFormat& format, const float* values, int64_t cols, const QuantizedRow& out,
                  float global_scale) {
  if (!format.is_mlx()) fail("{}: not a format that weights are quantized to", format.name());
  format.row_bytes(cols);  // checks the shape
  if (format.kind == QuantKind::affine) return quantize_affine(format, values, cols, out);
  quantize_microscaled(format, values, cols, out, global_scale);
}

}  // namespace mica::cpu
