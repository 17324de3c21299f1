// The kernels of tiles for the processor's own matrix unit.

#define MICA_ISA_NS amx

#include "mica/cpu/kernels/bf16_tiles.h"
#include "mica/cpu/kernels/gemm_tiles.h"
#include "mica/cpu/kernels/int8_tiles.h"
#include "mica/cpu/kernels/tile_kernels.h"
#include "mica/cpu/kernels/tile_unit.h"

namespace mica::cpu::amx {

const TileKernels tile_kernels = {int8_tiles_product<TileUnit>, bf16_tiles_product<TileUnit>,
                                  gemm_tiles_pack<GemmSide::rows>, gemm_tiles_pack<GemmSide::columns>,
                                  gemm_tiles<TileUnit>};

}  // namespace mica::cpu::amx
