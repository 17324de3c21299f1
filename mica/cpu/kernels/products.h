#pragma once

#include <cstdint>

#include "mica/cpu/kernels/panel.h"

// Kernels of packed matrices, one set an instruction set. See packed_matrix.cpp for who calls which.

namespace mica::cpu {

/// Rows of a tile of activations at most.
constexpr int kMostTileRows = 12;

/// How activations are rounded to int8.
struct Rounding {
  int32_t step = 32;  ///< values whose sum is wanted: 16 or 32; scales are shared by 32
  /// A group with a value beyond so many times the root mean square of its row gets a second digit: its step would be
  /// coarse for the other values. The noise of rounding is then nowhere above limit / 438 of that mean
  /// (docs/performance.md); with 0 all groups have two digits.
  float limit = 0.0f;
  bool operator==(const Rounding&) const = default;
};

/// A tile of activations to quantize: `rows` rows of `cols` values, `padded` of them (a multiple of 128) to be written,
/// zeros behind.
struct TileQuantization {
  const float* x[kMostTileRows] = {};
  int32_t rows = 0;
  int64_t cols = 0;
  int64_t padded = 0;
  Rounding rounding;
  int8_t* values = nullptr;
  float* scales = nullptr;
  float* sums = nullptr;
  int32_t* totals = nullptr;  ///< sums of the quantized values themselves
  Rest* rests = nullptr;      ///< room for one a group and row
};

/// One row of activations to round to bfloat16: `cols` values, `padded` of them (a multiple of 16) to be written, zeros
/// behind, in pairs of columns `stride` words apart.
struct RowRounding {
  const float* x = nullptr;
  int64_t cols = 0;
  int64_t padded = 0;
  uint32_t* pairs = nullptr;
  int64_t stride = 0;
};

#define MICA_DECLARE_PRODUCTS(isa)                        \
  namespace isa {                                         \
  /* int8 activations; layouts with integer codes only */ \
  void int8_product(const PanelProduct& product);         \
  }

#define MICA_DECLARE_SIMD_PRODUCTS(isa)                \
  MICA_DECLARE_PRODUCTS(isa)                           \
  namespace isa {                                      \
  /* f32 activations; every layout */                  \
  void exact_product(const PanelProduct& product);     \
  /* the number of rests */                            \
  int64_t quantize_tile(const TileQuantization& tile); \
  }

MICA_DECLARE_SIMD_PRODUCTS(reference)
MICA_DECLARE_SIMD_PRODUCTS(avx2)
MICA_DECLARE_SIMD_PRODUCTS(avx512)
MICA_DECLARE_PRODUCTS(avx512vnni)

namespace avx512bf16 {
/// int8 activations; is_direct layouts with biases
void biased_int8_product(const PanelProduct& product);
/// `count` (even) rows of `width` (at most 16) values by pairs of rows: each two rows become one of words, rounded to
/// bf16, the first row's values low
void pair_rows(const float* rows, int64_t count, int32_t width, uint32_t* pairs);
/// bf16 activations and layouts
void bf16_product(const PanelProduct& product);
void round_to_bf16(const RowRounding& row);
}  // namespace avx512bf16

#undef MICA_DECLARE_PRODUCTS
#undef MICA_DECLARE_SIMD_PRODUCTS

}  // namespace mica::cpu
