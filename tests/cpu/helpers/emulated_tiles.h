#pragma once

#include <cstdint>

#include "mica/cpu/kernels/tile_config.h"
#include "mica/cpu/kernels/tile_kernels.h"

namespace mica::cpu {

/// The eight tiles of a matrix unit and what its instructions do to them, as Intel's manual says. What the instructions
/// refuse is a std::logic_error: tiles that are not configured, or of sizes that do not go together.
class EmulatedTiles {
 public:
  void configure(const TileConfig& config);  ///< LDTILECFG
  void release();                            ///< TILERELEASE

  void load(int tile, const void* rows, int64_t stride);   ///< TILELOADD
  void store(int tile, void* rows, int64_t stride) const;  ///< TILESTORED
  void zero(int tile);                                     ///< TILEZERO

  /// TDPBSSD, TDPBSUD, TDPBUSD, TDPBUUD
  void add_bytes(int sums, int a, int b, bool a_is_signed, bool b_is_signed);
  /// TDPBF16PS
  void add_bf16(int sums, int a, int b);

 private:
  struct Tile {
    int rows = 0;
    int row_bytes = 0;
    alignas(64) uint8_t bytes[16][64] = {};
  };

  const Tile& configured(int tile) const;
  void check_product(int sums, int a, int b) const;

  Tile tiles_[8];
  bool is_configured_ = false;
};

/// The kernels of tiles over EmulatedTiles; for a CPU of Isa::avx512bf16.
const TileKernels& emulated_tile_kernels();

}  // namespace mica::cpu
