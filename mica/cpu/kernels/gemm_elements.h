#pragma once

// Element types of dense products: how vectors of them are read, and in which type they are added up.

#include "mica/cpu/kernels/simd_f64.h"

namespace mica::cpu::MICA_ISA_NS {

struct ElementF32 {
  using Stored = float;
  using Sum = float;
  using Vector = F32;
  static F32 load(const float* p) { return F32::load(p); }
  static F32 load(const float* p, int64_t n) { return F32::load(p, n); }
};

struct ElementF16 {
  using Stored = uint16_t;
  using Sum = float;
  using Vector = F32;
  static F32 load(const uint16_t* p) { return F32::load_f16(p); }
  static F32 load(const uint16_t* p, int64_t n) { return F32::load_f16(p, n); }
};

struct ElementBf16 {
  using Stored = uint16_t;
  using Sum = float;
  using Vector = F32;
  static F32 load(const uint16_t* p) { return F32::load_bf16(p); }
  static F32 load(const uint16_t* p, int64_t n) { return F32::load_bf16(p, n); }
};

struct ElementF64 {
  using Stored = double;
  using Sum = double;
  using Vector = F64;
  static F64 load(const double* p) { return F64::load(p); }
  static F64 load(const double* p, int64_t n) { return load_some(p, n); }
};

}  // namespace mica::cpu::MICA_ISA_NS
