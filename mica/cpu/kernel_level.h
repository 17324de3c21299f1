#pragma once

#include "mica/base/cpu_info.h"
#include "mica/cpu/kernels/tile_kernels.h"

namespace mica::cpu {

/// The instruction set that kernels are chosen for.
struct KernelLevel {
  KernelLevel(Isa level = active_isa()) : isa(level) {}  // NOLINT(google-explicit-constructor)
  /// With a matrix unit of the caller's: how tests compute with an emulated one where the processor has none.
  KernelLevel(Isa level, const TileKernels& tile_kernels) : isa(level), tiles(&tile_kernels) {}

  Isa isa;
  const TileKernels* tiles = &amx::tile_kernels;  ///< used from Isa::amx on
};

}  // namespace mica::cpu
