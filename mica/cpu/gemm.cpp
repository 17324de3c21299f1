#include "mica/cpu/gemm.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "mica/array/allocator.h"
#include "mica/base/error.h"
#include "mica/base/function_ref.h"
#include "mica/base/round_up.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/kernels/gemm_kernels.h"

namespace mica::cpu {
namespace {

/// Depth of a block in bytes of packed elements: a panel of B of this depth stays close while rows of A pass.
constexpr int64_t kBlockBytes = 512 * 4;
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
  /// Panels are of 2-byte elements, so many depths together, rather than of elements of the sums' type.
  int depths_together = 1;
  void (*pack_rows)(const GemmPack&) = nullptr;  ///< panels of A where they are not like those of B
  /// `tile` takes all rows of a task, its panels are of half the depth: those of B are wide.
  bool takes_rows = false;
};

/// Sizes from which on a matrix unit is worth its packing: a tile of it.
constexpr int64_t kLeastTiled = 16;

Kernels choose_kernels(GemmType type, int64_t m, int64_t n, const KernelLevel& level) {
  const Isa isa = level.isa;
  if (isa >= Isa::avx512bf16 && type == GemmType::bf16) {
    Kernels kernels = {.shape = avx512bf16::gemm_pairs_shape,
                       .pack = avx512bf16::gemm_pairs_pack,
                       .tile = avx512bf16::gemm_pairs_tile,
                       .widen = avx512::gemm_pack,
                       .by_rows = avx512::gemv_by_rows,
                       .by_columns = avx512::gemv_by_columns,
                       .depths_together = 2};
    if (isa < Isa::amx || m < kLeastTiled || n < kLeastTiled) return kernels;
    kernels.shape = [](bool) { return GemmTileShape{32, 32}; };
    kernels.pack = level.tiles->gemm_pack_columns;
    kernels.tile = level.tiles->gemm_tile;
    kernels.depths_together = 32;
    kernels.pack_rows = level.tiles->gemm_pack_rows;
    kernels.takes_rows = true;
    return kernels;
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

/// Memory of packed panels and sums: on cache lines, uninitialized, from the blocks that are kept for reuse.
class Workspace {
 public:
  explicit Workspace(int64_t bytes) : memory_(allocator::malloc(static_cast<size_t>(bytes))) {}
  ~Workspace() { allocator::free(memory_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  std::byte* at(int64_t offset) { return static_cast<std::byte*>(memory_.ptr()) + offset; }

 private:
  allocator::Buffer memory_;
};

class Product {
 public:
  /// `rounded`: C is of the inputs' type.
  Product(GemmType type, int64_t m, int64_t n, int64_t k, const GemmInput& a, const GemmInput& b, void* c, int64_t ldc,
          bool rounded, ThreadPool& pool, const KernelLevel& level)
      : type_(type),
        m_(m),
        n_(n),
        k_(k),
        a_(a),
        b_(b),
        c_(static_cast<std::byte*>(c)),
        ldc_(ldc),
        rounded_(rounded),
        pool_(pool),
        kernels_(choose_kernels(type, m, n, level)),
        stored_(stored_bytes(type)),
        sum_(type == GemmType::f64 ? 8 : 4),
        packed_(kernels_.depths_together > 1 ? stored_ : sum_),
        result_(rounded ? stored_ : sum_) {}

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
  int64_t panel_depth(int64_t depth) const { return round_up(depth, kernels_.depths_together); }

  void clear() {
    for (int64_t i = 0; i < m_; ++i) std::memset(c_ + i * ldc_ * result_, 0, static_cast<size_t>(n_ * result_));
  }

  /// Sums to results where those are of another type.
  void round(const std::byte* sums, int64_t count, std::byte* out) const {
    const auto& kernels = elementwise_kernels();
    const auto store = type_ == GemmType::f16 ? kernels.store_f16 : kernels.store_bf16;
    store(reinterpret_cast<const float*>(sums), reinterpret_cast<uint16_t*>(out), count);
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
    const bool in_place = c_stride == 1 && !rounded_;
    Workspace y(in_place ? 0 : count * sum_);
    std::byte* out = in_place ? c_ : y.at(0);
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
    if (in_place) return;
    Workspace results(rounded_ ? count * result_ : 0);
    if (rounded_) {
      std::byte* to = c_stride == 1 ? c_ : results.at(0);
      round(out, count, to);
      if (c_stride == 1) return;
      out = to;
    }
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(c_ + i * c_stride * result_, out + i * result_, static_cast<size_t>(result_));
    }
  }

  void blocked() {
    shape_ = kernels_.shape(type_ == GemmType::f64);
    // Blocks of equal depth: a last thin one would cost a round over C for little.
    const int64_t most = kBlockBytes / packed_ / (kernels_.takes_rows ? 2 : 1);
    depths_ = (k_ + most - 1) / most;
    const int64_t depth = panel_depth((k_ + depths_ - 1) / depths_);
    const int64_t rows = std::min(round_up(m_, shape_.rows), round_up(kBlockRows, shape_.rows));
    const int64_t cols = std::min(round_up(n_, shape_.cols), round_up(kBlockCols, shape_.cols));
    Workspace a(rows * panel_depth(depth) * packed_);
    Workspace b(cols * panel_depth(depth) * packed_);
    // Sums that wait for more depths, of all rows of a block of columns.
    Workspace sums(rounded_ && depths_ > 1 ? m_ * cols * sum_ : 0);
    for (int64_t col = 0; col < n_; col += cols) {
      for (int64_t k = 0; k < k_; k += depth) {
        const int64_t block_depth = std::min(depth, k_ - k);
        pack(kernels_.pack, b_, !b_.transposed, col, std::min(cols, n_ - col), k, block_depth, shape_.cols, b.at(0));
        for (int64_t row = 0; row < m_; row += rows) {
          Block block{.row = row,
                      .col = col,
                      .rows = std::min(rows, m_ - row),
                      .cols = std::min(cols, n_ - col),
                      .depth = block_depth,
                      .a = a.at(0),
                      .b = b.at(0),
                      .sums = sums.at(row * cols * sum_),
                      .is_first = k == 0,
                      .is_last = k + depth >= k_};
          pack(kernels_.pack_rows ? kernels_.pack_rows : kernels_.pack, a_, a_.transposed, row, block.rows, k,
               block_depth, shape_.rows, a.at(0));
          multiply(block);
        }
      }
    }
  }

  /// Packs vectors first … first + count (rows of A, columns of B) between depths k and k + depth into panels of
  /// `width`. `across`: vectors stand side by side in memory.
  void pack(void (*kernel)(const GemmPack&), const GemmInput& input, bool across, int64_t first, int64_t count,
            int64_t k, int64_t depth, int width, std::byte* out) {
    const int64_t vector_stride = across ? 1 : input.ld;
    const int64_t depth_stride = across ? input.ld : 1;
    loop((count + width - 1) / width, [&](int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t offset = (first + panel * width) * vector_stride + k * depth_stride;
        kernel({.type = type_,
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

  /// Rows and columns of C and a range of depths, whose inputs are packed.
  struct Block {
    int64_t row, col;
    int64_t rows, cols;
    int64_t depth;
    const std::byte* a;
    const std::byte* b;
    std::byte* sums;  ///< where results are rounded and there are several ranges
    bool is_first, is_last;
  };
  /// Where the sums of a part of C are.
  struct Part {
    int64_t row_begin, row_end, col_begin, col_end;  ///< within the block
    std::byte* sums;                                 ///< of row_begin and col_begin
    int64_t ld;
  };

  void multiply(const Block& block) {
    // Enough tasks for every thread to have several, of as equal numbers of tiles as can be.
    const int64_t row_tiles = (block.rows + shape_.rows - 1) / shape_.rows;
    const int64_t row_tasks =
        std::min(row_tiles, std::max<int64_t>(2 * pool_.size(), (block.rows + kTaskRows - 1) / kTaskRows));
    const int64_t task_cols = std::min(round_up(kTaskCols, shape_.cols), round_up(block.cols, shape_.cols));
    const int64_t col_tasks = (block.cols + task_cols - 1) / task_cols;
    const int64_t task_tiles = (row_tiles + row_tasks - 1) / row_tasks;
    const bool own_sums = rounded_ && depths_ == 1;
    loop(row_tasks * col_tasks, [&](int64_t begin, int64_t end) {
      Workspace own(own_sums ? task_tiles * shape_.rows * task_cols * sum_ : 0);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t row_task = task / col_tasks;
        Part part{.row_begin = row_task * row_tiles / row_tasks * shape_.rows,
                  .row_end = std::min(block.rows, (row_task + 1) * row_tiles / row_tasks * shape_.rows),
                  .col_begin = task % col_tasks * task_cols,
                  .col_end = std::min(block.cols, (task % col_tasks + 1) * task_cols),
                  .sums = own.at(0),
                  .ld = task_cols};
        if (!own_sums) {
          part.ld = rounded_ ? block.cols : ldc_;
          const int64_t at = rounded_ ? part.row_begin * part.ld + part.col_begin
                                      : (block.row + part.row_begin) * ldc_ + block.col + part.col_begin;
          part.sums = (rounded_ ? block.sums : c_) + at * sum_;
        }
        multiply(block, part);
        if (rounded_ && block.is_last) round(block, part);
      }
    });
  }

  void multiply(const Block& block, const Part& part) {
    const int64_t rows = kernels_.takes_rows ? part.row_end - part.row_begin : shape_.rows;
    for (int64_t j = part.col_begin; j < part.col_end; j += shape_.cols) {
      for (int64_t i = part.row_begin; i < part.row_end; i += rows) {
        kernels_.tile({.f64 = type_ == GemmType::f64,
                       .depth = block.depth,
                       .a = block.a + i * panel_depth(block.depth) * packed_,
                       .b = block.b + j * panel_depth(block.depth) * packed_,
                       .c = part.sums + ((i - part.row_begin) * part.ld + j - part.col_begin) * sum_,
                       .ldc = part.ld,
                       .rows = std::min<int64_t>(rows, block.rows - i),
                       .cols = std::min<int64_t>(shape_.cols, block.cols - j),
                       .accumulate = !block.is_first});
      }
    }
  }

  void round(const Block& block, const Part& part) const {
    for (int64_t i = part.row_begin; i < part.row_end; ++i) {
      const int64_t to = (block.row + i) * ldc_ + block.col + part.col_begin;
      round(part.sums + (i - part.row_begin) * part.ld * sum_, part.col_end - part.col_begin, c_ + to * result_);
    }
  }

  GemmType type_;
  int64_t m_, n_, k_;
  GemmInput a_, b_;
  std::byte* c_;
  int64_t ldc_;
  bool rounded_;
  ThreadPool& pool_;
  Kernels kernels_;
  int64_t stored_;  // bytes of an element
  int64_t sum_;     // bytes of a sum
  int64_t packed_;  // bytes of a packed element
  int64_t result_;  // bytes of an element of C
  GemmTileShape shape_;
  int64_t depths_ = 1;  // ranges of depths, one after the other
};

/// The product with C of the type of the sums, or `rounded` to that of the inputs.
void multiply(GemmType type, int64_t m, int64_t n, int64_t k, const GemmInput& a, const GemmInput& b, void* c,
              int64_t ldc, bool rounded, ThreadPool& pool, const KernelLevel& level) {
  if (m < 0 || n < 0 || k < 0) fail_as<std::invalid_argument>("matrix product of sizes {}, {}, {}", m, n, k);
  if (m == 0 || n == 0) return;
  Product(type, m, n, k, a, b, c, ldc, rounded, pool, level).run();
}

}  // namespace

void gemm(GemmType type, int64_t m, int64_t n, int64_t k, const GemmInput& a, const GemmInput& b, void* c, int64_t ldc,
          ThreadPool& pool, const KernelLevel& level) {
  multiply(type, m, n, k, a, b, c, ldc, false, pool, level);
}

void gemm_rounded(GemmType type, int64_t m, int64_t n, int64_t k, const GemmInput& a, const GemmInput& b, uint16_t* c,
                  int64_t ldc, ThreadPool& pool, const KernelLevel& level) {
  multiply(type, m, n, k, a, b, c, ldc, true, pool, level);
}

}  // namespace mica::cpu
