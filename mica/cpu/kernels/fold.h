#pragma once

#include <cstdint>

// Kernels of reductions (cpu/fold.cpp), one set an instruction set.

namespace mica::cpu {

enum class FoldOp : uint8_t { sum, prod, min, max, any, all };
enum class FoldType : uint8_t { boolean, u8, i8, u16, i16, u32, i32, f16, bf16, f32 };

/// Totals are 32 bits wide: float for floating-point elements, else int32 or uint32, which wrap around. Of min and max
/// NaN wins.
struct FoldKernel {
  /// The total of `count` elements side by side.
  void (*row)(const void* x, int64_t count, void* total);
  /// Folds x[i · stride + j] for i < rows into totals[j], j < count.
  void (*columns)(const void* x, int64_t rows, int64_t stride, int64_t count, void* totals);
  /// Index of the first element that equals the total; of a NaN the first NaN.
  int64_t (*find)(const void* x, int64_t count, const void* total);
  /// For every column the first row whose element equals the total; of a NaN the first NaN.
  void (*find_columns)(const void* x, int64_t rows, int64_t stride, int64_t count, const void* totals, uint32_t* index);
  /// What folds without changing the total.
  uint32_t neutral_bits;
};

namespace reference {
FoldKernel fold_kernel(FoldType type, FoldOp op);
}
namespace avx2 {
FoldKernel fold_kernel(FoldType type, FoldOp op);
}
namespace avx512 {
FoldKernel fold_kernel(FoldType type, FoldOp op);
}

}  // namespace mica::cpu
