#pragma once

// How vectors of keys and values are read from a row, by the way they are stored.

#include "mica/cpu/kernels/simd.h"
#include "mica/cpu/kv_rows.h"

namespace mica::cpu::MICA_ISA_NS {

struct KvF32 {
  static constexpr bool kHasScales = false;
  explicit KvF32(const KvRows&) {}
  F32 load(const std::byte* row, int64_t d) const { return F32::load(at(row) + d); }
  /// The first n lanes (at most kLanes), the others are 0.
  F32 load(const std::byte* row, int64_t d, int64_t n) const { return F32::load(at(row) + d, n); }

 private:
  static const float* at(const std::byte* row) { return reinterpret_cast<const float*>(row); }
};

struct KvF16 {
  static constexpr bool kHasScales = false;
  explicit KvF16(const KvRows&) {}
  F32 load(const std::byte* row, int64_t d) const { return F32::load_f16(at(row) + d); }
  F32 load(const std::byte* row, int64_t d, int64_t n) const { return F32::load_f16(at(row) + d, n); }

 private:
  static const uint16_t* at(const std::byte* row) { return reinterpret_cast<const uint16_t*>(row); }
};

struct KvBf16 {
  static constexpr bool kHasScales = false;
  explicit KvBf16(const KvRows&) {}
  F32 load(const std::byte* row, int64_t d) const { return F32::load_bf16(at(row) + d); }
  F32 load(const std::byte* row, int64_t d, int64_t n) const { return F32::load_bf16(at(row) + d, n); }

 private:
  static const uint16_t* at(const std::byte* row) { return reinterpret_cast<const uint16_t*>(row); }
};

/// Codes of 8 or 4 bits: rows are filled up to 32 elements, so that vectors of codes can be read beyond the last one.
template <int Bits>
struct KvCodes {
  static constexpr bool kHasScales = true;
  explicit KvCodes(const KvRows& rows)
      : scales_((rows.dim + 31) / 32 * 32 * Bits / 8), group_shift_(__builtin_ctz(static_cast<unsigned>(rows.group))) {}

  F32 load(const std::byte* row, int64_t d) const {
    const float* of = group(row, d);
    return fma(load_codes(row, d), F32(of[0]), F32(of[1]));
  }
  F32 load(const std::byte* row, int64_t d, int64_t n) const {
    alignas(64) float lanes[F32::kLanes];
    load(row, d).store(lanes);
    return F32::load(lanes, n);
  }

  /// The codes alone.
  F32 load_codes(const std::byte* row, int64_t d) const { return to_f32(codes(row, d)); }
  /// Scale and bias of element d.
  const float* group(const std::byte* row, int64_t d) const {
    return reinterpret_cast<const float*>(row + scales_) + 2 * (d >> group_shift_);
  }
  int64_t group_size() const { return int64_t{1} << group_shift_; }

 private:
  static I32 codes(const std::byte* row, int64_t d) {
    if constexpr (Bits == 8) return I32::load_u8(row + d);
    const I32 both = I32::load_u8(row + d / 32 * 16 + d % 16);
    return (d & 16) != 0 ? shift_right<4>(both) : both & I32(15);
  }

  int64_t scales_;
  int group_shift_;
};

/// Calls function(elements) with what reads these rows.
template <typename Function>
void with_kv_elements(const KvRows& rows, Function function) {
  switch (rows.type) {
    case KvType::f32:
      return function(KvF32(rows));
    case KvType::f16:
      return function(KvF16(rows));
    case KvType::bf16:
      return function(KvBf16(rows));
    case KvType::q8:
      return function(KvCodes<8>(rows));
    case KvType::q4:
      return function(KvCodes<4>(rows));
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
