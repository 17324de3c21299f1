#pragma once

#include <cstdint>

#include "mica/cpu/kernels/panel.h"

// Kernels of packed matrices, one set an instruction set. See packed_matrix.cpp for who calls which.

namespace mica::cpu {

/// One row of activations to quantize: `cols` values, `padded` of them (a multiple of 128) to be written, zeros behind.
/// Quads of values stand `value_stride` bytes apart, scales and sums of steps `step_stride` floats apart.
struct RowQuantization {
  const float* x = nullptr;
  int64_t cols = 0;
  int64_t padded = 0;
  int32_t step = 0;  ///< 16 or 32 values; scales are shared by 32
  int8_t* values = nullptr;
  int64_t value_stride = 0;
  float* scales = nullptr;
  float* sums = nullptr;
  int64_t step_stride = 0;
  /// 2: what rounding leaves goes to the row behind (4 bytes, one scale and one sum further), 254 times finer.
  int32_t digits = 1;
};

#define MICA_DECLARE_PRODUCTS(isa)                        \
  namespace isa {                                         \
  /* int8 activations; layouts with integer codes only */ \
  void int8_product(const PanelProduct& product);         \
  }

#define MICA_DECLARE_SIMD_PRODUCTS(isa)                  \
  MICA_DECLARE_PRODUCTS(isa)                             \
  namespace isa {                                        \
  /* f32 activations; every layout */                    \
  void exact_product(const PanelProduct& product);       \
  void quantize_activations(const RowQuantization& row); \
  }

MICA_DECLARE_SIMD_PRODUCTS(reference)
MICA_DECLARE_SIMD_PRODUCTS(avx2)
MICA_DECLARE_SIMD_PRODUCTS(avx512)
MICA_DECLARE_PRODUCTS(avx512vnni)

#undef MICA_DECLARE_PRODUCTS
#undef MICA_DECLARE_SIMD_PRODUCTS

}  // namespace mica::cpu
