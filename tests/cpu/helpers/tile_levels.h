#pragma once

#include <string>
#include <vector>

#include "mica/cpu/kernel_level.h"
#include "tests/cpu/helpers/emulated_tiles.h"
#include "tests/cpu/helpers/trapped_tiles.h"

namespace mica::cpu {

/// Kernels of tiles and what their name is in a test's output.
struct TileLevel {
  std::string name;
  KernelLevel level;
};

/// The kernels over an emulated matrix unit, and the processor's own, whose instructions TrappedTiles emulates where it
/// has none. None on a CPU without the other instructions that they need.
inline std::vector<TileLevel> tile_levels() {
  if (detected_isa() < Isa::avx512bf16) return {};
  return {{"emulated tiles", KernelLevel(Isa::amx, emulated_tile_kernels())},
          {"the processor's tiles", KernelLevel(Isa::amx)}};
}

}  // namespace mica::cpu
