#pragma once

#include <cstdint>

namespace mica::cpu {

/// Sizes of the eight tiles of a matrix unit, as LDTILECFG reads them: at most 16 rows of at most 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};  ///< of the tiles that there are, the first eight
  uint8_t rows[16] = {};

  constexpr void set(int tile, int tile_rows, int tile_row_bytes) {
    rows[tile] = static_cast<uint8_t>(tile_rows);
    row_bytes[tile] = static_cast<uint16_t>(tile_row_bytes);
  }

  /// All tiles of 16 rows of 64 bytes.
  static constexpr TileConfig whole() {
    TileConfig out;
    for (int tile = 0; tile < 8; ++tile) out.set(tile, 16, 64);
    return out;
  }
};
static_assert(sizeof(TileConfig) == 64);

}  // namespace mica::cpu
