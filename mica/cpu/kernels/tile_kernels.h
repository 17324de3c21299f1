#pragma once

#include "mica/cpu/kernels/gemm_kernels.h"
#include "mica/cpu/kernels/tile_product.h"

namespace mica::cpu {

/// Kernels that compute with a matrix unit.
struct TileKernels {
  /// int8 activations; layouts with integer codes only.
  void (*int8_product)(const TileProduct& product);
  /// bf16 activations; layouts of integer codes, e4m3 and bf16.
  void (*bf16_product)(const TileProduct& product);
  /// Dense products of bf16: panels of 32 vectors of A and of B; any number of rows and up to 32 columns.
  void (*gemm_pack_rows)(const GemmPack& pack);
  void (*gemm_pack_columns)(const GemmPack& pack);
  void (*gemm_tile)(const GemmTile& tile);
};

namespace amx {
extern const TileKernels tile_kernels;
}  // namespace amx

}  // namespace mica::cpu
