#pragma once

#include "mica/cpu/kernels/fourier.h"

// The kernels of fourier_tile.simd.cpp and fourier_rows.simd.cpp, for fourier_kernels(): see FourierKernels.

namespace mica::cpu::MICA_ISA_NS {

void rows_to_tile(const FourierRows<const float>& rows, int64_t n, float* tile);
void rows_from_tile(const float* tile, int64_t n, const FourierRows<float>& rows);
void pairs_to_tile(const FourierRows<const float>& rows, int64_t n, float* re, float* im);
void pairs_from_tile(const float* re, const float* im, int64_t n, float scale, const FourierRows<float>& rows);
void untangle_tile(const FourierHalves& x, float* re, float* im);
void tangle_tile(const FourierHalves& x, float* re, float* im);

void split_rows(const float* pairs, int64_t n, float* re, float* im);
void join_rows(const float* re, const float* im, int64_t n, float re_scale, float im_scale, float* pairs);
void untangle_halves(const FourierHalves& x, int64_t begin, int64_t end, float re_scale, float im_scale, float* pairs);
void tangle_halves(const FourierHalves& x, int64_t begin, int64_t end, float* re, float* im);

}  // namespace mica::cpu::MICA_ISA_NS
