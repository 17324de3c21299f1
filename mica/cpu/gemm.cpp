#include "mica/cpu/gemm.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/function_ref.h"
#include "mica/base/round_up.h"
#include "mica/cpu/kernels/gemm_kernels.h"

namespace mica::cpu {
namespace {

/// Depth of a block in bytes of packed elements: a panel of B of this depth stays close while rows of A pass.
constexpr int64_t kBlockBytes = 384 * 4;
/// Rows of A and columns of B that are packed at a time; rows of a task, which stay in the second-level cache.
constexpr int64_t kBlockRows = 3072;
constexpr int64_t kBlockCols = 4096;
constexpr int64_t kTaskRows = 192;
constexpr int64_t kTaskCols = 512;
/// Products for which loops over threads cost more than they gain.
constexpr double kSerialProducts = 64.0 * 64 * 64;

struct Kernels {
  GemmTileShape (*shape)(bool);
  void (*pack)(const GemmPack&);
  void (*tile)(const GemmTile&);
  void (*widen)(const GemmPack&);  ///< packs in the type of the sums
  void (*by_rows)(const GemmVector&);
  void (*by_columns)(const GemmVector&);
  /// Panels are pairs of 2-byte elements rather than elements of the sums' type.
  bool pairs = false;
};

Kernels choose_kernels(GemmType type, Isa isa) {
  if (isa >= Isa::avx512bf16 && type == GemmType::bf16) {
    return {avx512bf16::gemm_pairs_shape,
            avx512bf16::gemm_pairs_pack,
            avx512bf16::gemm_pairs_tile,
            avx512::gemm_pack,
            avx512::gemv_by_rows,
            avx512::gemv_by_columns,
            true};
  }
  if (isa >= Isa::avx512) {
    return {avx512::gemm_tile_shape, avx512::gemm_pack,    avx512::gemm_tile,
            avx512::gemm_pack,       avx512::gemv_by_rows, avx512::gemv_by_columns};
  }
  if (isa == Isa::avx2) {
    return {avx2::gemm_tile_shape, avx2::gemm_pack,    avx2::gemm_tile,
            avx2::gemm_pack,       avx2::gemv_by_rows, avx2::gemv_by_columns};
  }
  return {reference::gemm_tile_shape, reference::gemm_pack,    reference::gemm_tile,
          reference::gemm_pack,       reference::gemv_by_rows, reference::gemv_by_columns};
}

int64_t stored_bytes(GemmType type) {
  switch (type) {
    case GemmType::f32:
      return 4;
    case GemmType::f64:
      return 8;
    default:
      return 2;
  }
}

/// Memory of packed panels: on cache lines, uninitialized.
class Workspace {
 public:
  explicit Workspace(int64_t bytes) : memory_(new(std::align_val_t{64}) std::byte[static_cast<size_t>(bytes)]) {}
  std::byte* at(int64_t offset) { return memory_.get() + offset; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte[], Free> memory_;
};

class Product {
 public:
  Product(GemmType type, int64_t m, int64_t n, int64_t k, const GemmInput& a, const GemmInput& b, void* c, int64_t ldc,
          ThreadPool& pool, Isa isa)
      : type_(type),
        m_(m),
        n_(n),
        k_(k),
        a_(a),
        b_(b),
        c_(static_cast<std::byte*>(c)),
        ldc_(ldc),
        pool_(pool),
        kernels_(choose_kernels(type, isa)),
        stored_(stored_bytes(type)),
        sum_(type == GemmType::f64 ? 8 : 4),
        packed_(kernels_.pairs ? stored_ : sum_) {}

  void run() {
    if (k_ == 0) return clear();
    if (m_ == 1) return vector_product(b_, !b_.transposed, n_, a_, a_.transposed, 1);
    if (n_ == 1) return vector_product(a_, a_.transposed, m_, b_, !b_.transposed, ldc_);
    blocked();
  }

 private:
  void loop(int64_t count, FunctionRef<void(int64_t, int64_t)> body) {
    const double products = static_cast<double>(m_) * static_cast<double>(n_) * static_cast<double>(k_);
    if (products <= kSerialProducts) return body(0, count);
    pool_.parallel_for(count, 1, body);
  }

  /// Depth of packed panels.
  int64_t panel_depth(int64_t depth) const { return kernels_.pairs ? round_up(depth, 2) : depth; }

  void clear() {
    for (int64_t i = 0; i < m_; ++i) std::memset(c_ + i * ldc_ * sum_, 0, static_cast<size_t>(n_ * sum_));
  }

  /// C, a row or a column with elements `c_stride` apart, = matrix · vector. `by_columns`: the matrix is stored with
  /// its outputs side by side; `strided`: the vector is a column of its matrix.
  void vector_product(const GemmInput& matrix, bool by_columns, int64_t count, const GemmInput& vector, bool strided,
                      int64_t c_stride) {
    Workspace x(k_ * sum_);
    kernels_.widen({.type = type_,
                    .data = vector.data,
                    .count = 1,
                    .depth = k_,
                    .vector_stride = k_,
                    .depth_stride = strided ? vector.ld : 1,
                    .width = 1,
                    .out = x.at(0)});
    Workspace y(c_stride == 1 ? 0 : count * sum_);
    std::byte* out = c_stride == 1 ? c_ : y.at(0);
    constexpr int64_t kGrain = 64;  // outputs: whole cache lines
    loop((count + kGrain - 1) / kGrain, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * kGrain;
      const int64_t step = by_columns ? 1 : matrix.ld;
      GemmVector product{.type = type_,
                         .data = static_cast<const std::byte*>(matrix.data) + first * step * stored_,
                         .stride = matrix.ld,
                         .count = std::min(end * kGrain, count) - first,
                         .depth = k_,
                         .x = x.at(0),
                         .y = out + first * sum_};
      (by_columns ? kernels_.by_columns : kernels_.by_rows)(product);
    });
    if (c_stride == 1) return;
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(c_ + i * c_stride * sum_, out + i * sum_, static_cast<size_t>(sum_));
    }
  }

  void blocked() {
    shape_ = kernels_.shape(type_ == GemmType::f64);
    const int64_t depth = std::min(k_, kBlockBytes / packed_);
    const int64_t rows = std::min(round_up(m_, shape_.rows), round_up(kBlockRows, shape_.rows));
    const int64_t cols = std::min(round_up(n_, shape_.cols), round_up(kBlockCols, shape_.cols));
    Workspace a(rows * panel_depth(depth) * packed_);
    Workspace b(cols * panel_depth(depth) * packed_);
    for (int64_t col = 0; col < n_; col += cols) {
      for (int64_t k = 0; k < k_; k += depth) {
        const int64_t block_cols = std::min(cols, n_ - col);
        const int64_t block_depth = std::min(depth, k_ - k);
        pack(b_, !b_.transposed, col, block_cols, k, block_depth, shape_.cols, b.at(0));
        for (int64_t row = 0; row < m_; row += rows) {
          const int64_t block_rows = std::min(rows, m_ - row);
          pack(a_, a_.transposed, row, block_rows, k, block_depth, shape_.rows, a.at(0));
          multiply(a.at(0), b.at(0), row, block_rows, col, block_cols, k, block_depth);
        }
      }
    }
  }

  /// Packs vectors first … first + count (rows of A, columns of B) between depths k and k + depth into panels of
  /// `width`. `across`: vectors stand side by side in memory.
  void pack(const GemmInput& input, bool across, int64_t first, int64_t count, int64_t k, int64_t depth, int width,
            std::byte* out) {
    const int64_t vector_stride = across ? 1 : input.ld;
    const int64_t depth_stride = across ? input.ld : 1;
    loop((count + width - 1) / width, [&](int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t offset = (first + panel * width) * vector_stride + k * depth_stride;
        kernels_.pack({.type = type_,
                       .data = static_cast<const std::byte*>(input.data) + offset * stored_,
                       .count = std::min<int64_t>(width, count - panel * width),
                       .depth = depth,
                       .vector_stride = vector_stride,
                       .depth_stride = depth_stride,
                       .width = width,
                       .out = out + panel * width * panel_depth(depth) * packed_});
      }
    });
  }

  void multiply(const std::byte* a, const std::byte* b, int64_t row, int64_t rows, int64_t col, int64_t cols, int64_t k,
                int64_t depth) {
    // Enough tasks for every thread to have several.
    const int64_t fair = round_up(rows / (2 * pool_.size()) + 1, shape_.rows);
    const int64_t task_rows = std::min(fair, round_up(kTaskRows, shape_.rows));
    const int64_t task_cols = round_up(kTaskCols, shape_.cols);
    const int64_t row_tasks = (rows + task_rows - 1) / task_rows;
    const int64_t col_tasks = (cols + task_cols - 1) / task_cols;
    loop(row_tasks * col_tasks, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t row_begin = task / col_tasks * task_rows;
        const int64_t col_begin = task % col_tasks * task_cols;
        const int64_t row_end = std::min(rows, row_begin + task_rows);
        const int64_t col_end = std::min(cols, col_begin + task_cols);
        for (int64_t j = col_begin; j < col_end; j += shape_.cols) {
          for (int64_t i = row_begin; i < row_end; i += shape_.rows) {
            kernels_.tile({.f64 = type_ == GemmType::f64,
                           .depth = depth,
                           .a = a + i * panel_depth(depth) * packed_,
                           .b = b + j * panel_depth(depth) * packed_,
                           .c = c_ + ((row + i) * ldc_ + col + j) * sum_,
                           .ldc = ldc_,
                           .rows = std::min<int64_t>(shape_.rows, rows - i),
                           .cols = std::min<int64_t>(shape_.cols, cols - j),
                           .accumulate = k > 0});
          }
        }
      }
    });
  }

  GemmType type_;
  int64_t m_, n_, k_;
  GemmInput a_, b_;
  std::byte* c_;
  int64_t ldc_;
  ThreadPool& pool_;
  Kernels kernels_;
  int64_t stored_;  // bytes of an element
  int64_t sum_;     // bytes of a sum
  int64_t packed_;  // bytes of a packed element
  GemmTileShape shape_;
};

}  // namespace

void gemm(GemmType type, int64_t m, int64_t n, int64_t k, const GemmInput& a, const GemmInput& b, void* c, int64_t ldc,
          ThreadPool& pool, Isa isa) {
  if (m < 0 || n < 0 || k < 0) fail_as<std::invalid_argument>("matrix product of sizes {}, {}, {}", m, n, k);
  if (m == 0 || n == 0) return;
  Product(type, m, n, k, a, b, c, ldc, pool, isa).run();
}

}  // namespace mica::cpu
