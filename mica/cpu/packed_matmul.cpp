// The products of packed_matrix.h: cuts a product into panels and tiles of rows, and hands them to the kernels.

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "mica/base/error.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/packed_matrix.h"

namespace mica::cpu {
namespace {

using Kernel = void (*)(const PanelProduct&);
using TileKernel = void (*)(const TileProduct&);

/// Panels that stay in the second-level cache while all tiles of rows pass over them.
constexpr int64_t kPanelBlockBytes = 256 << 10;

/// Panels whose products with a tile stay in the first-level cache until they are put together.
constexpr int64_t kScratchPanels = 16;

/// Weights for which a loop over threads costs more than it gains.
constexpr int64_t kSerialWeights = 1 << 13;

/// Tiles of rows that a thread passes over a panel at least: it comes from the third-level cache or from memory.
constexpr int64_t kTilesOfPart = 4;
/// Where it must be made ready for a matrix unit, too.
constexpr int64_t kTilesOfUnitPart = 8;

/// The copy of the activations that a product reads.
enum class Copy { int8, bf16, exact, tiled_int8, tiled_bf16 };

bool reads_tiles(Copy copy) {
  return copy >= Copy::tiled_int8;
}

/// Rows from which on a matrix unit takes weights as bf16: cycles a weight are 0.15 + rows / 450, in int8 0.04 + rows /
/// 240 (120 with steps of 16 columns), since the sums of a step are scaled by 4 operations for 16 of them, two a cycle;
/// with VNNI rows / 85. Tiles are counted as Sapphire Rapids has them, the rest was measured on Zen 4.
int64_t rows_for_bf16(const PanelLayout& layout) {
  return layout.group < kActivationGroup ? 24 : 64;
}

Copy choose_copy(const PanelLayout& layout, const Activations& x, Activation activation, const KernelLevel& level) {
  if (activation == Activation::exact) return Copy::exact;
  const int64_t rows = x.count() / std::max<int64_t>(1, x.groups());
  const bool tiled = level.isa >= Isa::amx && rows >= kTileHeight;
  if (layout.code <= PanelCode::u8) {
    if (!tiled) return Copy::int8;
    return rows < rows_for_bf16(layout) ? Copy::tiled_int8 : Copy::tiled_bf16;
  }
  if (tiled && layout.code <= PanelCode::bf16) return Copy::tiled_bf16;
  return layout.code == PanelCode::bf16 && level.isa >= Isa::avx512bf16 ? Copy::bf16 : Copy::exact;
}

/// How activations are rounded for weights of a layout: as finely as the quality of the format asks for. A scale for 64
/// activations would be less arithmetic, but is too coarse; few levels of affine weights leave little to be lost
/// (docs/performance.md, Quality).
Rounding rounding_for(const PanelLayout& layout) {
  Rounding out{.step = std::min<int>(layout.group, kActivationGroup), .limit = 7.0f};
  if (layout.scale < PanelScale::two_level && layout.code_bits() <= 3)
    out.limit = layout.code_bits() == 3 ? 4.0f : 0.0f;
  return out;
}

/// Whether biases are added by pairs.
bool adds_pairs(const PanelLayout& layout, Isa isa) {
  return isa >= Isa::avx512bf16 && layout.is_direct() && layout.has_bias;
}

Kernel choose_kernel(Copy copy, const PanelLayout& layout, Isa isa) {
  if (copy == Copy::bf16) return avx512bf16::bf16_product;
  if (copy == Copy::exact) {
    if (isa >= Isa::avx512) return avx512::exact_product;
    return isa == Isa::avx2 ? avx2::exact_product : reference::exact_product;
  }
  if (copy == Copy::int8 && adds_pairs(layout, isa)) return avx512bf16::biased_int8_product;
  if (isa >= Isa::avx512vnni) return avx512vnni::int8_product;
  if (isa == Isa::avx512) return avx512::int8_product;
  return isa == Isa::avx2 ? avx2::int8_product : reference::int8_product;
}

/// Where a product goes: y = residual + scale · (product + bias), or product + bias.
struct Target {
  float* y = nullptr;
  int64_t stride = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;
  float scale = 1.0f;
};

/// Where the columns of a product from `column` on go, for the rows from `row` on.
Target target(const Product& product, int64_t row, int64_t column) {
  const int64_t at = row * product.y_stride + column;
  return {product.y + at, product.y_stride, product.bias ? product.bias + column : nullptr,
          product.residual ? product.residual + at : nullptr, product.scale};
}

/// A range of the tiles of x.
struct Tiles {
  int64_t begin = 0;
  int64_t end = 0;
};

/// A weight and the form of the activations that its kernel reads.
class Multiplier {
 public:
  Multiplier(const PackedMatrix& weights, Activations& x, ThreadPool& pool, Activation activation,
             const KernelLevel& level)
      : weights_(&weights), x_(&x) {
    const PanelLayout& layout = weights.layout();
    const Copy copy = choose_copy(layout, x, activation, level);
    const Rounding rounding = rounding_for(layout);
    step_ = rounding.step;
    if (reads_tiles(copy)) {
      tiled_ = &x.tiled();
      tile_kernel_ = copy == Copy::tiled_int8 ? level.tiles->int8_product : level.tiles->bf16_product;
    } else {
      kernel_ = choose_kernel(copy, layout, level.isa);
    }
    switch (copy) {
      case Copy::int8:
        int8_ = &x.int8(rounding, pool);
        if (adds_pairs(layout, level.isa)) pairs_ = x.sum_pairs(*int8_);
        if (pairs_ || layout.is_symmetric()) starts_ = x.starts(*int8_, layout.centre());
        break;
      case Copy::tiled_int8:
        tiled_int8_ = &x.tiled_int8(rounding, pool);
        break;
      case Copy::tiled_bf16:
        bf16_ = x.tiled_bf16(pool);
        break;
      case Copy::bf16:
        bf16_ = x.bf16(pool);
        break;
      case Copy::exact:
        exact_ = x.exact(pool);
        break;
    }
  }

  /// Multiplications in all.
  int64_t work() const { return weights_->slice_rows() * weights_->cols() * x_->count(); }
  int64_t panels() const { return weights_->panels_per_slice(); }
  /// Columns of the product from a panel on.
  int64_t columns_from(int64_t panel) const { return weights_->slice_rows() - panel * kPanelRows; }

  /// Panels of a slice times tiles of rows, as many of both as the kernel takes at once; y, its bias and its residual
  /// are those of the first row and the first panel.
  void multiply(int64_t slice, PanelRange panels, Tiles tiles, const Target& y) const {
    TileProduct product{{.layout = &weights_->layout(),
                         .panels = weights_->panel(slice, panels.first),
                         .panel_count = panels.count,
                         .rows = rows_of(tiles),
                         .step = step_,
                         .y = y.y,
                         .y_stride = y.stride,
                         .y_cols = columns_from(panels.first),
                         .bias = y.bias,
                         .residual = y.residual,
                         .scale = y.scale,
                         .factor = weights_->factor()},
                        x_->padded_cols()};
    const int64_t padded = product.tile_cols;
    // Rows that the copy has before those.
    const int64_t before = tiled_ ? tiles.begin * kTileHeight : first_row(tiles.begin);
    if (tiled_int8_) {
      set_int8(product, *tiled_int8_, before);
      product.tile_totals = tiled_int8_->totals.data() + before * (padded / step_);
      product.tile_rests = tiled_int8_->rests_views.data() + tiles.begin;
    } else if (int8_) {
      set_int8(product, *int8_, before);
      if (starts_) product.x_starts = starts_ + before * (padded / step_);
      if (pairs_) product.x_pairs = pairs_ + before * (padded / step_) / 2;
      product.rests = {int8_->rests.data() + before * (padded / kActivationGroup),
                       static_cast<size_t>(int8_->rest_counts.data()[before])};
    } else if (bf16_) {
      product.x = bf16_ + before * padded / 2;
    } else {
      product.x = exact_ + before * padded;
    }
    tiled_ ? tile_kernel_(product) : kernel_(product);
  }

  bool is_tiled() const { return tiled_ != nullptr; }
  int64_t tile_count() const { return static_cast<int64_t>(tiled_ ? tiled_->tiles().size() : x_->tiles().size()); }
  Tiles group_tiles(int64_t group) const {
    const auto [begin, end] = tiled_ ? tiled_->group_tiles(group) : x_->group_tiles(group);
    return {begin, end};
  }
  int64_t first_row(int64_t tile) const {
    const auto index = static_cast<size_t>(tile);
    return tiled_ ? tiled_->tiles()[index].first : x_->tiles()[index].first;
  }

  /// Rows of a range of tiles of one group.
  int32_t rows_of(Tiles tiles) const {
    const auto last = static_cast<size_t>(tiles.end - 1);
    const int32_t count = tiled_ ? tiled_->tiles()[last].count : x_->tiles()[last].count;
    return static_cast<int32_t>(first_row(tiles.end - 1) - first_row(tiles.begin)) + count;
  }

  /// Where the tiles end that a call of the kernel takes from `tile` on, of those before `end`.
  int64_t call_end(int64_t tile, int64_t end) const {
    if (!tiled_) return tile + 1;
    const std::span tiles = tiled_->tiles();
    const int64_t last = std::min(end, tile + kMostTiles) - 1;
    // The next group starts behind a tile that is not full.
    while (tile < last && tiles[static_cast<size_t>(tile)].count == kTileHeight) ++tile;
    return tile + 1;
  }

  /// Tiles of a part of the rows that is worth a thread of its own.
  int64_t tiles_of_part() const { return tiled_ ? kTilesOfUnitPart : kTilesOfPart; }

  /// Panels that it takes, or whose codes stay in the second-level cache.
  int64_t panels_at_once() const {
    if (tiled_) return kMostTilePanels;
    return std::max<int64_t>(1, kPanelBlockBytes / std::max<int64_t>(1, weights_->layout().panel_bytes()));
  }

 private:
  template <typename Int8>
  void set_int8(PanelProduct& product, const Int8& copy, int64_t before) const {
    const int64_t steps = before * (x_->padded_cols() / step_);
    product.x = copy.values.data() + before * x_->padded_cols();
    product.x_scales = copy.scales.data() + steps;
    product.x_sums = copy.sums.data() + steps;
  }

  const PackedMatrix* weights_;
  Activations* x_;
  Kernel kernel_ = nullptr;
  TileKernel tile_kernel_ = nullptr;
  int step_ = 0;
  const Activations::Int8* int8_ = nullptr;
  const TiledActivations* tiled_ = nullptr;
  const TiledActivations::Int8* tiled_int8_ = nullptr;
  const int32_t* starts_ = nullptr;
  const uint32_t* pairs_ = nullptr;
  const uint32_t* bf16_ = nullptr;
  const float* exact_ = nullptr;
};

/// Calls run(panels, tiles) for blocks of at most `block` of the panels, each with all tiles of the range while its
/// codes are in the cache.
template <typename Run>
void for_blocks(const Multiplier& multiplier, Tiles range, PanelRange panels, int64_t block, Run run) {
  const int64_t end = panels.first + panels.count;
  for (int64_t first = panels.first; first < end; first += block) {
    Tiles tiles;
    for (tiles.begin = range.begin; tiles.begin < range.end; tiles.begin = tiles.end) {
      tiles.end = multiplier.call_end(tiles.begin, range.end);
      run(PanelRange{first, std::min(block, end - first)}, tiles);
    }
  }
}

/// Some panels of a product for some of the tiles.
void run_product(const Multiplier& multiplier, const Product& product, Tiles range, PanelRange panels) {
  // One tile reads every panel once: nothing to keep in a cache.
  const bool once = range.end - range.begin == 1 && !multiplier.is_tiled();
  const int64_t block = once ? panels.count : multiplier.panels_at_once();
  for_blocks(multiplier, range, panels, block, [&](PanelRange part, Tiles tiles) {
    const int64_t row = multiplier.first_row(tiles.begin);
    multiplier.multiply(product.slice, part, tiles, target(product, row, part.first * kPanelRows));
  });
}

/// The level for two weights whose products read the same tiles of activations: below Isa::amx where only one of them
/// would read those of a matrix unit.
KernelLevel common_level(const PanelLayout& a, const PanelLayout& b, const Activations& x, Activation activation,
                         const KernelLevel& level) {
  const bool same =
      reads_tiles(choose_copy(a, x, activation, level)) == reads_tiles(choose_copy(b, x, activation, level));
  return same ? level : KernelLevel(Isa::avx512bf16);
}

/// The products of two weights of one shape, one through the gate.
class GatedProduct {
 public:
  GatedProduct(const Product& a, const Product& b, const Product& out, UnaryOp gate, Activations& x, ThreadPool& pool,
               Activation activation, const KernelLevel& level)
      : a_(a),
        b_(b),
        out_(out),
        gate_(elementwise_kernels().unary[static_cast<size_t>(gate)]),
        multiply_(elementwise_kernels().binary[static_cast<size_t>(BinaryOp::multiply)]),
        by_a_(*a.weights, x, pool, activation, level),
        by_b_(*b.weights, x, pool, activation, level) {}

  int64_t panels() const { return by_a_.panels(); }
  int64_t work() const { return 2 * by_a_.work(); }

  int64_t tile_count() const { return by_a_.tile_count(); }
  int64_t tiles_of_part() const { return by_a_.tiles_of_part(); }

  void run(Tiles range, PanelRange panels) const {
    const int64_t block = std::min({kScratchPanels, by_a_.panels_at_once(), by_b_.panels_at_once()});
    for_blocks(by_a_, range, panels, block, [&](PanelRange part, Tiles tiles) {
      if (by_a_.is_tiled()) {
        run_tiles<kMostTiles * kTileHeight * kMostTilePanels * kPanelRows>(part, tiles);
      } else {
        run_tiles<kMostTileRows * kScratchPanels * kPanelRows>(part, tiles);
      }
    });
  }

 private:
  /// `room`: of the product b; that of a is made where the results are to be.
  template <int64_t room>
  void run_tiles(PanelRange panels, Tiles tiles) const {
    alignas(64) float b[room];
    const int64_t column = panels.first * kPanelRows;
    const int64_t width = panels.count * kPanelRows;
    const int64_t columns = std::min(width, by_a_.columns_from(panels.first));
    const int64_t first = by_a_.first_row(tiles.begin);
    const Target a = target(out_, first, column);
    by_a_.multiply(a_.slice, panels, tiles, {a.y, a.stride, a_.bias ? a_.bias + column : nullptr});
    by_b_.multiply(b_.slice, panels, tiles, {b, width, b_.bias ? b_.bias + column : nullptr});
    for (int64_t row = 0; row < by_a_.rows_of(tiles); ++row) {
      const Target out = target(out_, first + row, column);
      gate_(out.y, out.y, columns);
      multiply_(out.y, b + row * width, out.y, columns);
      for (int64_t i = 0; out.residual && i < columns; ++i) out.y[i] = out.residual[i] + out.scale * out.y[i];
    }
  }

  const Product& a_;
  const Product& b_;
  const Product& out_;
  ElementwiseKernels::Unary gate_;
  ElementwiseKernels::Binary multiply_;
  Multiplier by_a_;
  Multiplier by_b_;
};

/// The loop over panels, on one thread where there is little to do; run is that of PanelOrder::visit.
template <typename Run>
void run_loop(ThreadPool& pool, const PanelOrder& order, int64_t work, Run run, const LoopReads* next = nullptr) {
  if (work <= kSerialWeights) return order.visit(0, order.count(), run);
  const auto visit = [&](int64_t begin, int64_t end) { order.visit(begin, end, run); };
  pool.parallel_for(order.node_ends(), ThreadPool::Home::preferred, visit, next);
}

void check_shapes(const PackedMatrix& weights, const Activations& x) {
  if (x.cols() != weights.cols()) {
    fail_as<std::invalid_argument>("activations of {} columns times weights of {}", x.cols(), weights.cols());
  }
}

void check_slice(const PackedMatrix& weights, int64_t slice) {
  if (slice < 0 || slice >= weights.slices()) {
    fail_as<std::invalid_argument>("slice {} of weights with {}", slice, weights.slices());
  }
}

/// Parts that the rows are divided into where there are many: each thread has so many iterations then that the last
/// ones of a loop are short.
template <typename Product>
int64_t row_parts(const Product& product, int64_t panels, const ThreadPool& pool) {
  constexpr int64_t kIterations = 64;
  const int64_t most = std::max<int64_t>(1, product.tile_count() / product.tiles_of_part());
  return std::clamp<int64_t>((kIterations * pool.size() + panels - 1) / panels, 1, most);
}

template <typename Product>
Tiles part_of_tiles(const Product& product, int64_t part, int64_t parts) {
  const int64_t tiles = product.tile_count();
  return {part * tiles / parts, (part + 1) * tiles / parts};
}

}  // namespace

void matmul(const PackedMatrix& weights, Activations& x, float* y, int64_t y_stride, ThreadPool& pool,
            const MatmulOptions& options, int64_t slice) {
  const Product product = {.weights = &weights, .y = y, .y_stride = y_stride, .bias = options.bias, .slice = slice};
  matmul({&product, 1}, x, pool, options.activation, options.level);
}

void matmul(std::span<const Product> products, Activations& x, ThreadPool& pool, Activation activation,
            const KernelLevel& level, const LoopReads* next) {
  std::vector<Multiplier> multipliers;
  multipliers.reserve(products.size());
  PanelOrder::Matrices matrices;
  int64_t panels = 0;
  int64_t work = 0;
  for (const Product& product : products) {
    check_shapes(*product.weights, x);
    check_slice(*product.weights, product.slice);
    multipliers.emplace_back(*product.weights, x, pool, activation, level);
    matrices.push_back(product.weights->parts());
    panels += multipliers.back().panels();
    work += multipliers.back().work();
  }
  if (x.tiles().empty() || panels == 0) return;
  int64_t parts = x.count();
  for (const Multiplier& multiplier : multipliers) parts = std::min(parts, row_parts(multiplier, panels, pool));
  const auto run = [&](int64_t part, size_t which, PanelRange range) {
    const Multiplier& multiplier = multipliers[which];
    run_product(multiplier, products[which], part_of_tiles(multiplier, part, parts), range);
  };
  run_loop(pool, PanelOrder(matrices, parts), work, run, next);
}

void gated_matmul(const Product& a, const Product& b, const Product& out, UnaryOp gate, Activations& x,
                  ThreadPool& pool, Activation activation, const KernelLevel& level, const LoopReads* next) {
  for (const Product* product : {&a, &b}) {
    check_shapes(*product->weights, x);
    check_slice(*product->weights, product->slice);
  }
  if (a.weights->slice_rows() != b.weights->slice_rows()) {
    fail_as<std::invalid_argument>("a gate of {} rows for {}", a.weights->slice_rows(), b.weights->slice_rows());
  }
  if (!std::ranges::equal(a.weights->parts(), b.weights->parts(), {}, &NodePanels::range, &NodePanels::range)) {
    fail_as<std::invalid_argument>("a gate and what it multiplies were packed for different memory nodes");
  }
  const KernelLevel common = common_level(a.weights->layout(), b.weights->layout(), x, activation, level);
  const GatedProduct product(a, b, out, gate, x, pool, activation, common);
  const int64_t panels = product.panels();
  if (x.tiles().empty() || panels == 0) return;
  const int64_t parts = row_parts(product, panels, pool);
  const PanelOrder order({a.weights->parts()}, parts);
  const auto run = [&](int64_t part, size_t, PanelRange range) {
    product.run(part_of_tiles(product, part, parts), range);
  };
  run_loop(pool, order, product.work(), run, next);
}

LoopReads loop_reads(std::span<const Product> products, bool gated) {
  LoopReads out;
  int64_t first = 0;
  const size_t nodes = products.empty() ? 0 : products[0].weights->parts().size();
  for (size_t node = 0; node < nodes; ++node) {
    int64_t count = 0;
    for (const Product& product : products) {
      const PackedMatrix& weights = *product.weights;
      if (node >= weights.parts().size()) continue;
      const auto& [range, data] = weights.parts()[node];
      const int64_t bytes = weights.layout().panel_bytes();
      const uint8_t* begin = data + product.slice * range.count * bytes;
      out.ranges.push_back({first, range.count, reinterpret_cast<const std::byte*>(begin), bytes});
      // The gate's panels are read beside those of what it multiplies.
      if (!gated) first += range.count;
      count = range.count;
    }
    if (gated) first += count;
    out.node_ends.push_back(first);
  }
  return out;
}

void grouped_matmul(const PackedMatrix& weights, Activations& x, std::span<const int32_t> slices, float* y,
                    int64_t y_stride, ThreadPool& pool, const MatmulOptions& options) {
  check_shapes(weights, x);
  if (static_cast<int64_t>(slices.size()) != x.groups()) {
    fail_as<std::invalid_argument>("{} slices for {} groups of activation rows", slices.size(), x.groups());
  }
  for (const int32_t slice : slices) check_slice(weights, slice);
  if (x.tiles().empty() || weights.slice_rows() == 0) return;
  const Multiplier multiplier(weights, x, pool, options.activation, options.level);
  const PanelOrder order({weights.parts()}, x.groups());
  run_loop(pool, order, multiplier.work(), [&](int64_t group, size_t, PanelRange range) {
    const int64_t slice = slices[static_cast<size_t>(group)];
    const float* bias = options.bias ? options.bias + slice * weights.slice_rows() : nullptr;
    const Product product = {.weights = &weights, .y = y, .y_stride = y_stride, .bias = bias, .slice = slice};
    run_product(multiplier, product, multiplier.group_tiles(group), range);
  });
}

}  // namespace mica::cpu
