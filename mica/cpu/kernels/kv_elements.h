#pragma once

// How vectors of keys and values are read from a row, by the way they are stored.

#include "mica/cpu/kernels/simd.h"
#include "mica/cpu/kv_rows.h"

namespace mica::cpu::MICA_ISA_NS {

struct KvF32 {
  explicit KvF32(const KvRows&) {}
  F32 load(const std::byte* row, int64_t d) const { return F32::load(at(row) + d); }
  /// The first n lanes (at most kLanes), the others are 0.
  F32 load(const std::byte* row, int64_t d, int64_t n) const { return F32::load(at(row) + d, n); }

 private:
  static const float* at(const std::byte* row) { return reinterpret_cast<const float*>(row); }
};

struct KvF16 {
  explicit KvF16(const KvRows&) {}
  F32 load(const std::byte* row, int64_t d) const { return F32::load_f16(at(row) + d); }
  F32 load(const std::byte* row, int64_t d, int64_t n) const { return F32::load_f16(at(row) + d, n); }

 private:
  static const uint16_t* at(const std::byte* row) { return reinterpret_cast<const uint16_t*>(row); }
};

struct KvBf16 {
  explicit KvBf16(const KvRows&) {}
  F32 load(const std::byte* row, int64_t d) const { return F32::load_bf16(at(row) + d); }
  F32 load(const std::byte* row, int64_t d, int64_t n) const { return F32::load_bf16(at(row) + d, n); }

 private:
  static const uint16_t* at(const std::byte* row) { return reinterpret_cast<const uint16_t*>(row); }
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
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
