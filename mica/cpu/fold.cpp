#include "mica/cpu/fold.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

namespace mica::cpu {
namespace {

/// Columns that are reduced together: their totals stay in the first-level cache.
constexpr int64_t kColumns = 1024;
/// Elements that are worth a task of their own, and how many tasks there should be.
constexpr int64_t kGrain = 16384;
constexpr int64_t kSlice = 65536;
constexpr int64_t kTasks = 16;
constexpr int64_t kMostSlices = 64;

int64_t divide_up(int64_t value, int64_t step) {
  return (value + step - 1) / step;
}

/// How the work is cut: tasks are (outer index, slice of the reduced axis, block of columns).
struct Cut {
  int64_t blocks;
  int64_t slices;
  int64_t slice_length;
  int64_t grain;

  explicit Cut(const FoldLayout& layout) : blocks(divide_up(layout.inner, kColumns)) {
    const int64_t width = std::min(layout.inner, kColumns);
    const bool few = layout.outer * blocks < kTasks;
    const int64_t wanted = few ? std::clamp<int64_t>(layout.reduced * width / kSlice, 1, kMostSlices) : 1;
    slice_length = std::max<int64_t>(1, divide_up(layout.reduced, wanted));
    slices = std::max<int64_t>(1, divide_up(layout.reduced, slice_length));
    grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, slice_length * width));
  }
};

struct Piece {
  const std::byte* data;
  int64_t rows;
  int64_t first;  ///< result
  int64_t count;  ///< results
};

void reduce_piece(const FoldKernel& kernel, const Piece& piece, int64_t stride, uint32_t* totals) {
  if (stride == 1) return kernel.row(piece.data, piece.rows, totals);
  std::fill_n(totals, piece.count, kernel.neutral_bits);
  kernel.columns(piece.data, piece.rows, stride, piece.count, totals);
}

/// The piece of outer index, slice and block of columns.
Piece piece_of(const FoldLayout& layout, const Cut& cut, const void* x, int64_t itemsize, int64_t outer, int64_t slice,
               int64_t block) {
  const int64_t column = block * kColumns;
  const int64_t row = slice * cut.slice_length;
  const int64_t at = (outer * layout.reduced + row) * layout.inner + column;
  return {static_cast<const std::byte*>(x) + at * itemsize, std::min(cut.slice_length, layout.reduced - row),
          outer * layout.inner + column, std::min(kColumns, layout.inner - column)};
}

/// Whole rows that are contiguous.
void fold_rows(const FoldKernel& kernel, const std::byte* x, int64_t row_bytes, const FoldLayout& layout, int64_t grain,
               ThreadPool& pool, FunctionRef<void(int64_t, const uint32_t*, int64_t)> store) {
  pool.parallel_for(layout.outer, grain, [&](int64_t begin, int64_t end) {
    std::array<uint32_t, kColumns> totals;
    for (int64_t first = begin; first < end; first += kColumns) {
      const int64_t count = std::min(kColumns, end - first);
      for (int64_t i = 0; i < count; ++i) kernel.row(x + (first + i) * row_bytes, layout.reduced, totals.data() + i);
      store(first, totals.data(), count);
    }
  });
}

}  // namespace

std::optional<FoldLayout> fold_layout(const Shape& shape, const std::vector<int>& axes) {
  FoldLayout out;
  // 0: before the reduced axes, 1: in them, 2: behind them.
  int part = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<int>(i)) != axes.end();
    if (reduced && part == 2) return std::nullopt;
    if (reduced) part = 1;
    if (!reduced && part == 1) part = 2;
    (part == 0 ? out.outer : part == 1 ? out.reduced : out.inner) *= shape[i];
  }
  return out;
}

std::optional<FoldType> fold_type(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::bool_:
      return FoldType::boolean;
    case Dtype::Val::uint8:
      return FoldType::u8;
    case Dtype::Val::uint16:
      return FoldType::u16;
    case Dtype::Val::uint32:
      return FoldType::u32;
    case Dtype::Val::int8:
      return FoldType::i8;
    case Dtype::Val::int16:
      return FoldType::i16;
    case Dtype::Val::int32:
      return FoldType::i32;
    case Dtype::Val::float16:
      return FoldType::f16;
    case Dtype::Val::bfloat16:
      return FoldType::bf16;
    case Dtype::Val::float32:
      return FoldType::f32;
    default:
      return std::nullopt;
  }
}

FoldKernel choose_fold_kernel(FoldType type, FoldOp op, Isa isa) {
  return isa >= Isa::avx512 ? avx512::fold_kernel(type, op)
         : isa >= Isa::avx2 ? avx2::fold_kernel(type, op)
                            : reference::fold_kernel(type, op);
}

void fold(const FoldKernel& kernel, const FoldKernel& merge, const void* x, int64_t itemsize, const FoldLayout& layout,
          ThreadPool& pool, FunctionRef<void(int64_t, const uint32_t*, int64_t)> store) {
  const Cut cut(layout);
  if (layout.inner == 1 && cut.slices == 1) {
    return fold_rows(kernel, static_cast<const std::byte*>(x), layout.reduced * itemsize, layout, cut.grain, pool,
                     store);
  }
  const int64_t results = layout.outer * layout.inner;
  // Rows [slice][result]: what the slices come to.
  std::vector<uint32_t> partial(cut.slices > 1 ? static_cast<size_t>(cut.slices * results) : 0);
  const int64_t tasks = layout.outer * cut.slices * cut.blocks;
  pool.parallel_for(tasks, cut.grain, [&](int64_t begin, int64_t end) {
    std::array<uint32_t, kColumns> totals;
    int64_t held = 0;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t slice = task / cut.blocks % cut.slices;
      const Piece piece = piece_of(layout, cut, x, itemsize, task / cut.blocks / cut.slices, slice, task % cut.blocks);
      if (cut.slices > 1) {
        reduce_piece(kernel, piece, layout.inner, partial.data() + slice * results + piece.first);
        continue;
      }
      // Results of neighbouring tasks lie side by side: stored together.
      reduce_piece(kernel, piece, layout.inner, totals.data() + held);
      held += piece.count;
      if (held + std::min(kColumns, layout.inner) <= kColumns && task + 1 < end) continue;
      store(piece.first + piece.count - held, totals.data(), held);
      held = 0;
    }
  });
  if (cut.slices == 1) return;
  std::vector<uint32_t> totals(static_cast<size_t>(results), kernel.neutral_bits);
  merge.columns(partial.data(), cut.slices, results, results, totals.data());
  store(0, totals.data(), results);
}

void store_totals(FoldType type, const uint32_t* totals, int64_t count, array& out, int64_t first) {
  const auto store = [&]<typename Total>(Total) {
    dispatch(out.dtype(), [&]<typename R>(R) {
      if constexpr (!std::is_same_v<R, complex64_t>) {
        R* to = out.data<R>() + first;
        for (int64_t i = 0; i < count; ++i) {
          const auto total = std::bit_cast<Total>(totals[i]);
          if constexpr (std::is_same_v<R, bool>) {
            to[i] = total != Total(0);
          } else {
            to[i] = static_cast<R>(total);
          }
        }
      }
    });
  };
  if (type >= FoldType::f16) return store(float{});
  type == FoldType::i8 || type == FoldType::i16 || type == FoldType::i32 ? store(int32_t{}) : store(uint32_t{});
}

void fold_places(const FoldKernel& kernel, const void* x, int64_t itemsize, const FoldLayout& layout, ThreadPool& pool,
                 uint32_t* places) {
  Cut cut(layout);
  cut.slices = 1;
  cut.slice_length = layout.reduced;
  pool.parallel_for(layout.outer * cut.blocks, cut.grain, [&](int64_t begin, int64_t end) {
    std::array<uint32_t, kColumns> totals;
    for (int64_t task = begin; task < end; ++task) {
      const Piece piece = piece_of(layout, cut, x, itemsize, task / cut.blocks, 0, task % cut.blocks);
      reduce_piece(kernel, piece, layout.inner, totals.data());
      uint32_t* to = places + piece.first;
      if (layout.inner == 1) {
        *to = static_cast<uint32_t>(kernel.find(piece.data, piece.rows, totals.data()));
      } else {
        std::fill_n(to, piece.count, 0u);
        kernel.find_columns(piece.data, piece.rows, layout.inner, piece.count, totals.data(), to);
      }
    }
  });
}

}  // namespace mica::cpu
