#pragma once

#include <cstdint>

#include "mica/cpu/gemm_types.h"

// Kernels of dense products (gemm.cpp), one set an instruction set.

namespace mica::cpu {

/// Rows and columns of C that the innermost kernel computes at once.
struct GemmTileShape {
  int rows = 0;
  int cols = 0;
};

/// Part of an input to be packed: `count` vectors of `depth` elements. Element j of vector i is
/// data[i · vector_stride + j · depth_stride]; one of the strides is 1.
struct GemmPack {
  GemmType type = GemmType::f32;
  const void* data = nullptr;
  int64_t count = 0;
  int64_t depth = 0;
  int64_t vector_stride = 0;
  int64_t depth_stride = 0;
  int width = 0;        ///< of a packed panel: [depth][width], zeros beyond `count` (≤ width)
  void* out = nullptr;  ///< f32, or f64 for f64
};

/// C tile [rows, cols] (at most the tile shape) = or += packed A · packed B.
struct GemmTile {
  bool f64 = false;
  int64_t depth = 0;
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  int64_t ldc = 0;
  int64_t rows = 0;
  int64_t cols = 0;
  bool accumulate = false;
};

/// y[0 … count) = W · x, x contiguous in the sum type. Row i of W is data + i · stride (`by_rows`), or column i is
/// data[j · stride + i].
struct GemmVector {
  GemmType type = GemmType::f32;
  const void* data = nullptr;
  int64_t stride = 0;
  int64_t count = 0;
  int64_t depth = 0;
  const void* x = nullptr;
  void* y = nullptr;
};

#define MICA_DECLARE_GEMM(isa)                     \
  namespace isa {                                  \
  GemmTileShape gemm_tile_shape(bool f64);         \
  void gemm_pack(const GemmPack& pack);            \
  void gemm_tile(const GemmTile& tile);            \
  void gemv_by_rows(const GemmVector& product);    \
  void gemv_by_columns(const GemmVector& product); \
  }

MICA_DECLARE_GEMM(reference)
MICA_DECLARE_GEMM(avx2)
MICA_DECLARE_GEMM(avx512)

#undef MICA_DECLARE_GEMM

/// Products of bfloat16 pairs, added in float32; subnormal inputs count as 0. Packed panels are [⌈depth /
/// 2⌉][width][2].
namespace avx512bf16 {
GemmTileShape gemm_pairs_shape(bool);
void gemm_pairs_pack(const GemmPack& pack);
void gemm_pairs_tile(const GemmTile& tile);
}  // namespace avx512bf16

}  // namespace mica::cpu
