#pragma once

#include <cstdint>

namespace mica::cpu {

/// Output positions side by side × filters of a convolution: out[i · ldc + j] = Σ over rows of taps and k < length of
/// taps[row][i · step + k] · weights[row][k][j]. Weights are panels as wide as gemm's (GemmTileShape::cols).
struct ConvTile {
  const float* const* taps;     ///< where the input of position 0 begins, for every row of taps
  const float* const* weights;  ///< for every row of taps
  int64_t tap_rows;
  int64_t length;  ///< taps of a row · channels
  int64_t step;    ///< from position to position
  float* out;
  int64_t ldc;
  int64_t positions;  ///< at most conv_tile_positions()
  int64_t filters;    ///< at most the panel's width
};

namespace reference {
int64_t conv_tile_positions();
void conv_tile(const ConvTile& tile);
}  // namespace reference
namespace avx2 {
int64_t conv_tile_positions();
void conv_tile(const ConvTile& tile);
}  // namespace avx2
namespace avx512 {
int64_t conv_tile_positions();
void conv_tile(const ConvTile& tile);
}  // namespace avx512

}  // namespace mica::cpu
