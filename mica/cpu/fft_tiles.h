#pragma once

#include "mica/cpu/fft_job.h"
#include "mica/cpu/fft_passes.h"

namespace mica::cpu {

/// Transforms rows together, as the columns of tiles.
void transform_tiles(const FourierJob& job, const FourierPasses& passes);

}  // namespace mica::cpu
