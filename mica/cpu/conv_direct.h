#pragma once

#include "mica/base/cpu_info.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/conv_problem.h"

namespace mica::cpu {

/// A float32 convolution of one group without patches: tiles of outputs read the input where it is. x is
/// [samples, spatial…, channels], w [filters, taps…, channels], out [samples, spatial…, filters], all in C order. No
/// axis of the input is dilated, the kernel's last one is not either; `last` is the last axis.
void convolve_directly(const Problem& problem, const ConvAxis& last, const float* x, const float* w, float* out,
                       ThreadPool& pool, Isa isa = active_isa());

}  // namespace mica::cpu
