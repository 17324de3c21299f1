#pragma once

#include <optional>

#include "mica/array/array.h"
#include "mica/base/cpu_info.h"
#include "mica/base/function_ref.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/kernels/fold.h"

namespace mica::cpu {

/// Elements [outer, reduced, inner] in C order, to be reduced over the middle axis.
struct FoldLayout {
  int64_t outer = 1;
  int64_t reduced = 1;
  int64_t inner = 1;
};

/// The layout of a reduction over `axes` of an array in C order; none where reduced and other axes alternate further.
std::optional<FoldLayout> fold_layout(const Shape& shape, const std::vector<int>& axes);

/// The type of the kernels for a dtype; none for 64-bit and complex numbers.
std::optional<FoldType> fold_type(Dtype dtype);

/// Kernels for the instruction set.
FoldKernel choose_fold_kernel(FoldType type, FoldOp op, Isa isa = active_isa());

/// Reduces elements of `itemsize` bytes in parallel, and calls store(first, totals, count) for pieces of the
/// outer · inner results, whose totals are those of FoldKernel. `merge` folds totals. The order of additions depends on
/// the sizes only, not on the threads.
void fold(const FoldKernel& kernel, const FoldKernel& merge, const void* x, int64_t itemsize, const FoldLayout& layout,
          ThreadPool& pool, FunctionRef<void(int64_t first, const uint32_t* totals, int64_t count)> store);

/// Stores totals of elements of a type as elements first … first + count of the output, converted to its dtype.
void store_totals(FoldType type, const uint32_t* totals, int64_t count, array& out, int64_t first);

/// For every result the place along the reduced axis of the first element that `kernel` (min or max) keeps.
void fold_places(const FoldKernel& kernel, const void* x, int64_t itemsize, const FoldLayout& layout, ThreadPool& pool,
                 uint32_t* places);

}  // namespace mica::cpu
