#pragma once

#include "mica/cpu/fft_job.h"
#include "mica/cpu/fft_transform.h"

namespace mica::cpu {

/// Transforms rows together, as the columns of tiles.
void transform_tiles(const FourierJob& job, const FourierTransform& plan);

}  // namespace mica::cpu
