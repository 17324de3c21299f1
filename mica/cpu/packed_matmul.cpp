// The products of packed_matrix.h: cuts a product into panels and tiles of rows, and hands them to the kernels.

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "mica/base/error.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/packed_matrix.h"
#include "mica/cpu/panel_multiplier.h"

namespace mica::cpu {
namespace {

/// Panels whose products with a tile stay in the first-level cache until they are put together.
constexpr int64_t kScratchPanels = 16;

/// Weights for which a loop over threads costs more than it gains.
constexpr int64_t kSerialWeights = 1 << 13;

/// Where the columns of a product from `column` on go, for the rows from `row` on.
Target target(const Product& product, int64_t row, int64_t column) {
  const int64_t at = row * product.y_stride + column;
  return {product.y + at, product.y_stride, product.bias ? product.bias + column : nullptr,
          product.residual ? product.residual + at : nullptr, product.scale};
}

/// Calls run(panels, tiles) for blocks of at most `block` of the panels, each with all tiles of the range while its
/// codes are in the cache.
template <typename Run>
void for_blocks(const PanelMultiplier& multiplier, Tiles range, PanelRange panels, int64_t block, Run run) {
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
void run_product(const PanelMultiplier& multiplier, const Product& product, Tiles range, PanelRange panels) {
  // One tile reads every panel once: nothing to keep in a cache.
  const bool once = range.end - range.begin == 1 && !multiplier.is_tiled();
  const int64_t block = once ? panels.count : multiplier.panels_at_once();
  for_blocks(multiplier, range, panels, block, [&](PanelRange part, Tiles tiles) {
    const int64_t row = multiplier.first_row(tiles.begin);
    multiplier.multiply(product.slice, part, tiles, target(product, row, part.first * kPanelRows));
  });
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
  PanelMultiplier by_a_;
  PanelMultiplier by_b_;
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
  std::vector<PanelMultiplier> multipliers;
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
  for (const PanelMultiplier& multiplier : multipliers) parts = std::min(parts, row_parts(multiplier, panels, pool));
  const auto run = [&](int64_t part, size_t which, PanelRange range) {
    const PanelMultiplier& multiplier = multipliers[which];
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
  const PanelMultiplier multiplier(weights, x, pool, options.activation, options.level);
  const PanelOrder order({weights.parts()}, x.groups());
  run_loop(pool, order, multiplier.work(), [&](int64_t group, size_t, PanelRange range) {
    const int64_t slice = slices[static_cast<size_t>(group)];
    const float* bias = options.bias ? options.bias + slice * weights.slice_rows() : nullptr;
    const Product product = {.weights = &weights, .y = y, .y_stride = y_stride, .bias = bias, .slice = slice};
    run_product(multiplier, product, multiplier.group_tiles(group), range);
  });
}

}  // namespace mica::cpu
