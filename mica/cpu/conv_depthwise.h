#pragma once

#include "mica/array/array.h"
#include "mica/base/cpu_info.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/conv_problem.h"

namespace mica::cpu {

/// A convolution of groups of one channel: every tap of an output position adds a row of products, vectors along the
/// channels. x is [samples, spatial…, channels], w [filters, taps…, 1], out [samples, spatial…, filters], of one
/// floating type, all in C order.
void convolve_depthwise(const Problem& problem, const array& x, const array& w, array& out, ThreadPool& pool,
                        Isa isa = active_isa());

}  // namespace mica::cpu
