// The kernels of tiles once more, over an emulated matrix unit.

#define MICA_ISA_NS emulated_amx

#include "mica/cpu/kernels/bf16_tiles.h"
#include "mica/cpu/kernels/gemm_tiles.h"
#include "mica/cpu/kernels/int8_tiles.h"
#include "tests/cpu/helpers/emulated_tiles.h"

namespace mica::cpu {
namespace emulated_amx {
namespace {

/// EmulatedTiles with the interface of TileUnit.
class Unit {
 public:
  explicit Unit(const TileConfig& config) { tiles_.configure(config); }

  template <int tile>
  void load(const void* rows, int64_t stride) {
    tiles_.load(tile, rows, stride);
  }
  template <int tile>
  void store(void* rows, int64_t stride) {
    tiles_.store(tile, rows, stride);
  }
  template <int tile>
  void zero() {
    tiles_.zero(tile);
  }
  template <int sums, int a, int b>
  void add_signed_unsigned() {
    tiles_.add_bytes(sums, a, b, true, false);
  }
  template <int sums, int a, int b>
  void add_bf16() {
    tiles_.add_bf16(sums, a, b);
  }

 private:
  EmulatedTiles tiles_;
};

constexpr TileKernels kKernels = {int8_tiles_product<Unit>, bf16_tiles_product<Unit>, gemm_tiles_pack<GemmSide::rows>,
                                  gemm_tiles_pack<GemmSide::columns>, gemm_tiles<Unit>};

}  // namespace
}  // namespace emulated_amx

const TileKernels& emulated_tile_kernels() {
  return emulated_amx::kKernels;
}

}  // namespace mica::cpu
