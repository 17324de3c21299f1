#pragma once

#include "mica/array/dtype.h"
#include "mica/cpu/gemm_types.h"

namespace mica::cpu {

/// The type of gemm's inputs for arrays of a floating-point dtype.
inline GemmType gemm_type(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::float64:
      return GemmType::f64;
    case Dtype::Val::float16:
      return GemmType::f16;
    case Dtype::Val::bfloat16:
      return GemmType::bf16;
    default:
      return GemmType::f32;
  }
}

}  // namespace mica::cpu
