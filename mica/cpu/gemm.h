#pragma once

#include <cstdint>

#include "mica/base/thread_pool.h"
#include "mica/cpu/gemm_types.h"
#include "mica/cpu/kernel_level.h"

namespace mica::cpu {

/// An input matrix of a dense product. Element (i, j) of op(matrix) is data[i · ld + j], or data[j · ld + i] when
/// `transposed`.
struct GemmInput {
  const void* data = nullptr;
  int64_t ld = 0;
  bool transposed = false;
};

/// C[m, n] = A[m, k] · B[k, n], both inputs of one type; C is f32 (f64 for f64 inputs), row-major with leading
/// dimension ldc, and overwritten (zeros when k = 0). Accumulates in f32 (f64). Blocked and parallel; m = 1 or n = 1
/// run at memory bandwidth in both orientations. C must not overlap the inputs.
void gemm(GemmType type, int64_t m, int64_t n, int64_t k, const GemmInput& a, const GemmInput& b, void* c, int64_t ldc,
          ThreadPool& pool, const KernelLevel& level = {});

/// The same of f16 or bf16 inputs, rounded to their type once all of a sum is there.
void gemm_rounded(GemmType type, int64_t m, int64_t n, int64_t k, const GemmInput& a, const GemmInput& b, uint16_t* c,
                  int64_t ldc, ThreadPool& pool, const KernelLevel& level = {});

}  // namespace mica::cpu
