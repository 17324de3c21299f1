#pragma once

#include "mica/cpu/fft_job.h"
#include "mica/cpu/fft_transform.h"

namespace mica::cpu {

/// Transforms rows one by one; long ones are shared out over the threads.
void transform_rows(const FourierJob& job, const FourierTransform& plan);

}  // namespace mica::cpu
