#pragma once

// Reads the scales and biases of the groups of a record (panel.h) as f32 vectors.

#include "mica/cpu/kernels/panel_codes.h"

namespace mica::cpu::MICA_ISA_NS {

/// e4m3 bytes (one a lane) as f32. NaN codes are not told apart: they give ±480.
inline F32 e4m3_to_f32(I32 bits) {
  const F32 magnitude = as_f32(shift_left<20>(bits & I32(0x7f))) * F32(0x1p120f);
  return copysign(magnitude, as_f32(shift_left<24>(bits)));
}

/// F32::kLanes scales of one type, `first` scales into the array.
inline F32 load_scales(PanelScale type, const uint8_t* scales, int first) {
  switch (type) {
    case PanelScale::f32:
      return F32::load(reinterpret_cast<const float*>(scales) + first);
    case PanelScale::f16:
      return F32::load_f16(reinterpret_cast<const uint16_t*>(scales) + first);
    case PanelScale::bf16:
      return F32::load_bf16(reinterpret_cast<const uint16_t*>(scales) + first);
    case PanelScale::e8m0:
      return scale_by_power_of_two(F32(1.0f), to_f32(I32::load_u8(scales + first)) - F32(127.0f));
    case PanelScale::half_e8m0:
      return scale_by_power_of_two(F32(1.0f), to_f32(I32::load_u8(scales + first)) - F32(128.0f));
    case PanelScale::half_e4m3:
      return F32(0.5f) * e4m3_to_f32(I32::load_u8(scales + first));
    default:
      return F32(1.0f);
  }
}

inline int scale_width(PanelScale type) {
  switch (type) {
    case PanelScale::f32:
      return 4;
    case PanelScale::f16:
    case PanelScale::bf16:
      return 2;
    default:
      return 1;
  }
}

/// The scales of one record for one block of rows.
class RecordScales {
 public:
  RecordScales(const PanelLayout& layout, const uint8_t* record, int block)
      : layout_(layout), record_(record), first_(block * F32::kLanes) {
    if (layout.scale < PanelScale::two_level) return;
    d_ = F32::load_f16(reinterpret_cast<const uint16_t*>(record) + first_);
    if (layout.has_bias) dmin_ = F32::load_f16(reinterpret_cast<const uint16_t*>(record + 2 * kPanelRows) + first_);
  }

  static constexpr bool kHasStarts = false;  // not known before the layout is
  static constexpr bool kHasPairs = false;

  /// Chunks of 16 columns in a step.
  static int chunks(const PanelProduct& product) { return product.step / 16; }

  /// Scale of group `group` and the bias that a code of 0 stands for: bias − offset · scale.
  void group(int group, float offset, F32& scale, F32& bias) const {
    if (layout_.scale >= PanelScale::two_level) return sub_group(group, offset, scale, bias);
    scale = load_scales(layout_.scale, record_, first_);
    bias = F32(-offset) * scale;
    if (!layout_.has_bias) return;
    bias = bias + load_scales(layout_.scale, record_ + kPanelRows * scale_width(layout_.scale), first_);
  }

 private:
  void sub_group(int group, float offset, F32& scale, F32& bias) const {
    const int halves = layout_.has_bias ? 2 : 1;
    const uint8_t* subs = record_ + 2 * kPanelRows * halves + group * kPanelRows + first_;
    if (layout_.scale == PanelScale::two_level_nibbles) {
      const I32 pair = I32::load_u8(subs);
      scale = d_ * to_f32(pair & I32(15));
      bias = F32(0.0f) - dmin_ * to_f32(shift_right<4>(pair));
      return;
    }
    scale = d_ * to_f32(I32::load_i8(subs));
    bias = F32(-offset) * scale;
    if (!layout_.has_bias) return;
    bias = bias - dmin_ * to_f32(I32::load_u8(subs + layout_.record / layout_.group * kPanelRows));
  }

  const PanelLayout& layout_;
  const uint8_t* record_;
  int first_;
  F32 d_, dmin_;
};

/// The same for PanelLayout::is_direct with scales of a type that is known beforehand, and a bias or none.
template <PanelScale type, bool has_bias>
class DirectScales {
 public:
  /// Whether dot products may start with PanelProduct::x_starts.
  static constexpr bool kHasStarts = !has_bias;
  /// Whether biases are added in bf16, those of two steps at a time.
  static constexpr bool kHasPairs = false;

  DirectScales(const PanelLayout&, const uint8_t* record, int block) : record_(record), first_(block * F32::kLanes) {}

  static constexpr int chunks(const PanelProduct&) { return 2; }

  void group(int, float offset, F32& scale, F32& bias) const {
    const uint8_t* record = record_;
    // Loaded where they are used: hoisted out of the loop over steps they would take the registers of its sums.
    asm("" : "+r"(record));
    scale = load_scales(type, record, first_);
    bias = F32(-offset) * scale;
    if (has_bias) bias = bias + load_scales(type, record + kPanelRows * scale_width(type), first_);
  }

 private:
  const uint8_t* record_;
  int first_;
};

/// Scales and biases of which the kernel adds the biases by pairs: what they are from the middle level on.
template <PanelScale type>
struct PairedScales : DirectScales<type, true> {
  using DirectScales<type, true>::DirectScales;
  static constexpr bool kHasStarts = true;
  static constexpr bool kHasPairs = true;
};

/// acc + scale · x_scale · sum.
inline F32 add_scaled(F32 acc, I32 sum, F32 x_scale, F32 scale) {
  return fma(to_f32(sum) * x_scale, scale, acc);
}

/// acc + scale · x_scale · sum + bias · x_sum.
inline F32 add_scaled(F32 acc, I32 sum, F32 x_scale, F32 x_sum, F32 scale, F32 bias) {
  return fma(x_sum, bias, add_scaled(acc, sum, x_scale, scale));
}

}  // namespace mica::cpu::MICA_ISA_NS
