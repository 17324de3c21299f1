#pragma once

#include "mica/cpu/kernels/fourier.h"

// The kernels of fourier_rows.simd.cpp, for fourier_kernels(): see FourierKernels.

namespace mica::cpu::MICA_ISA_NS {

void rows_to_tile(const float* rows, int64_t row_step, int64_t count, int64_t n, float* tile);
void rows_from_tile(const float* tile, int64_t count, int64_t n, float* rows, int64_t row_step);
void split_rows(const float* pairs, int64_t n, float* re, float* im);
void join_rows(const float* re, const float* im, int64_t n, float re_scale, float im_scale, float* pairs);
void untangle_halves(const FourierHalves& x, int64_t begin, int64_t end, float re_scale, float im_scale, float* pairs);
void tangle_halves(const FourierHalves& x, int64_t begin, int64_t end, float* re, float* im);

}  // namespace mica::cpu::MICA_ISA_NS
