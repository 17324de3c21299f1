// The products of packed_matrix.h: cuts a product into panels and tiles of rows, and hands them to the kernels.

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "mica/base/error.h"
#include "mica/base/function_ref.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/packed_matrix.h"

namespace mica::cpu {
namespace {

using Kernel = void (*)(const PanelProduct&);

/// Panels that stay in the second-level cache while all tiles of rows pass over them.
constexpr int64_t kPanelBlockBytes = 256 << 10;

/// The highest tile (activations.h).
constexpr int64_t kMostTileRows = 12;

/// Panels whose products with a tile stay in the first-level cache until they are put together.
constexpr int64_t kScratchPanels = 16;

/// Weights for which a loop over threads costs more than it gains.
constexpr int64_t kSerialWeights = 1 << 13;

bool has_integer_codes(PanelCode code) {
  return code <= PanelCode::u8;
}

Kernel choose_kernel(bool int8, Isa isa) {
  if (!int8) {
    if (isa >= Isa::avx512) return avx512::exact_product;
    return isa == Isa::avx2 ? avx2::exact_product : reference::exact_product;
  }
  if (isa >= Isa::avx512vnni) return avx512vnni::int8_product;
  if (isa == Isa::avx512) return avx512::int8_product;
  return isa == Isa::avx2 ? avx2::int8_product : reference::int8_product;
}

/// A weight and the form of the activations that its kernel reads.
class Multiplier {
 public:
  Multiplier(const PackedMatrix& weights, Activations& x, ThreadPool& pool, Activation activation, Isa isa)
      : weights_(&weights), x_(&x) {
    const PanelLayout& layout = weights.layout();
    const bool int8 = activation != Activation::exact && has_integer_codes(layout.code);
    kernel_ = choose_kernel(int8, isa);
    if (int8) {
      // A scale for 64 activations would be less arithmetic, but more than the quality allows (docs/performance.md).
      step_ = std::min<int>(layout.group, 32);
      digits_ = activation == Activation::int16 ? 2 : 1;
      int8_ = &x.int8(step_, digits_, pool);
    } else {
      exact_ = x.exact(pool);
    }
  }

  /// Multiplications in all.
  int64_t work() const { return weights_->slice_rows() * weights_->cols() * x_->count(); }
  int64_t panels() const { return weights_->panels_per_slice(); }
  /// Columns of the product from a panel on.
  int64_t columns_from(int64_t panel) const { return weights_->slice_rows() - panel * kPanelRows; }

  /// The tiles that rows run in.
  std::span<const Activations::Tile> tiles() const { return digits_ == 1 ? x_->tiles() : x_->half_tiles(); }

  /// `count` panels of a slice times a tile of rows, to y; bias counts from the first panel's first row.
  void multiply(int64_t slice, int64_t panel, int64_t count, const Activations::Tile& tile, const float* bias, float* y,
                int64_t y_stride) const {
    if (digits_ == 1) return run_kernel(slice, panel, count, tile, bias, y, y_stride);
    for (int64_t done = 0; done < count; done += kScratchPanels) {
      const int64_t at = done * kPanelRows;
      add_digits(slice, panel + done, std::min(kScratchPanels, count - done), tile, bias ? bias + at : nullptr, y + at,
                 y_stride);
    }
  }

  /// Panels whose codes stay in the second-level cache.
  int64_t panels_in_cache() const {
    return std::max<int64_t>(1, kPanelBlockBytes / std::max<int64_t>(1, weights_->layout().panel_bytes()));
  }

 private:
  /// The products of the first digits and of the second digits, added up.
  void add_digits(int64_t slice, int64_t panel, int64_t count, const Activations::Tile& tile, const float* bias,
                  float* y, int64_t y_stride) const {
    alignas(64) float parts[kMostTileRows * kScratchPanels * kPanelRows];
    const int64_t width = count * kPanelRows;
    run_kernel(slice, panel, count, tile, nullptr, parts, width);
    const int64_t columns = std::min(width, columns_from(panel));
    for (int64_t row = 0; row < tile.count; ++row) {
      const float* first = parts + 2 * row * width;
      const float* second = first + width;
      float* out = y + row * y_stride;
      for (int64_t i = 0; i < columns; ++i) out[i] = first[i] + second[i];
      for (int64_t i = 0; bias && i < columns; ++i) out[i] += bias[i];
    }
  }

  void run_kernel(int64_t slice, int64_t panel, int64_t count, const Activations::Tile& tile, const float* bias,
                  float* y, int64_t y_stride) const {
    PanelProduct product{.layout = &weights_->layout(),
                         .panels = weights_->panel(slice * panels() + panel),
                         .panel_count = count,
                         .rows = digits_ * tile.count,
                         .step = step_,
                         .y = y,
                         .y_stride = y_stride,
                         .y_cols = columns_from(panel),
                         .bias = bias,
                         .factor = weights_->factor()};
    const int64_t padded = x_->padded_cols();
    if (int8_) {
      const int64_t first = digits_ * tile.first;
      product.x = int8_->values.data() + first * padded;
      product.x_scales = int8_->scales.data() + first * (padded / step_);
      product.x_sums = int8_->sums.data() + first * (padded / step_);
    } else {
      product.x = exact_ + tile.first * padded;
    }
    kernel_(product);
  }

  const PackedMatrix* weights_;
  Activations* x_;
  Kernel kernel_ = nullptr;
  int step_ = 0;
  int digits_ = 1;
  const Activations::Int8* int8_ = nullptr;
  const float* exact_ = nullptr;
};

/// A range of the tiles of x.
struct Tiles {
  int64_t begin = 0;
  int64_t end = 0;
};

/// Calls run(panel, count, tile) for blocks of the panels [first, first + count), each with all tiles of the range
/// while its codes are in the cache.
template <typename Run>
void for_blocks(std::span<const Activations::Tile> tiles, Tiles range, int64_t first, int64_t count, int64_t block,
                Run run) {
  for (int64_t panel = first; panel < first + count; panel += block) {
    const int64_t panels = std::min(block, first + count - panel);
    for (int64_t tile = range.begin; tile < range.end; ++tile) run(panel, panels, tiles[static_cast<size_t>(tile)]);
  }
}

/// y = residual + scale · y where there is a residual.
void add_residual(const Product& product, const Activations::Tile& tile, int64_t column, int64_t columns) {
  if (!product.residual) return;
  for (int64_t row = tile.first; row < tile.first + tile.count; ++row) {
    const int64_t at = row * product.y_stride + column;
    for (int64_t i = at; i < at + columns; ++i) {
      product.y[i] = product.residual[i] + product.scale * product.y[i];
    }
  }
}

/// Panels [first, first + count) of a product for some of the tiles.
void run_product(const Multiplier& multiplier, const Product& product, Tiles range, int64_t first, int64_t count) {
  // One tile reads every panel once: nothing to keep in a cache.
  const int64_t block = range.end - range.begin == 1 ? count : multiplier.panels_in_cache();
  for_blocks(multiplier.tiles(), range, first, count, block,
             [&](int64_t panel, int64_t panels, const Activations::Tile& tile) {
               const int64_t column = panel * kPanelRows;
               const float* bias = product.bias ? product.bias + column : nullptr;
               float* y = product.y + tile.first * product.y_stride + column;
               multiplier.multiply(product.slice, panel, panels, tile, bias, y, product.y_stride);
               add_residual(product, tile, column, std::min(panels * kPanelRows, multiplier.columns_from(panel)));
             });
}

/// The products of two weights of one shape, one through the gate.
class GatedProduct {
 public:
  GatedProduct(const Product& a, const Product& b, const Product& out, UnaryOp gate, Activations& x, ThreadPool& pool,
               Activation activation, Isa isa)
      : a_(a),
        b_(b),
        out_(out),
        gate_(elementwise_kernels().unary[static_cast<size_t>(gate)]),
        multiply_(elementwise_kernels().binary[static_cast<size_t>(BinaryOp::multiply)]),
        by_a_(*a.weights, x, pool, activation, isa),
        by_b_(*b.weights, x, pool, activation, isa) {}

  int64_t panels() const { return by_a_.panels(); }
  size_t tiles() const { return by_a_.tiles().size(); }
  int64_t work() const { return 2 * by_a_.work(); }

  void run(Tiles range, int64_t first, int64_t count) const {
    const int64_t block = std::min({kScratchPanels, by_a_.panels_in_cache(), by_b_.panels_in_cache()});
    for_blocks(by_a_.tiles(), range, first, count, block,
               [&](int64_t panel, int64_t panels, const Activations::Tile& tile) { run_tile(panel, panels, tile); });
  }

 private:
  void run_tile(int64_t panel, int64_t panels, const Activations::Tile& tile) const {
    alignas(64) float a[kMostTileRows * kScratchPanels * kPanelRows];
    alignas(64) float b[kMostTileRows * kScratchPanels * kPanelRows];
    const int64_t column = panel * kPanelRows;
    const int64_t width = panels * kPanelRows;
    const int64_t columns = std::min(width, by_a_.columns_from(panel));
    by_a_.multiply(a_.slice, panel, panels, tile, a_.bias ? a_.bias + column : nullptr, a, width);
    by_b_.multiply(b_.slice, panel, panels, tile, b_.bias ? b_.bias + column : nullptr, b, width);
    for (int64_t row = 0; row < tile.count; ++row) {
      float* y = out_.y + (tile.first + row) * out_.y_stride + column;
      gate_(a + row * width, a + row * width, columns);
      multiply_(a + row * width, b + row * width, y, columns);
    }
    add_residual(out_, tile, column, columns);
  }

  const Product& a_;
  const Product& b_;
  const Product& out_;
  ElementwiseKernels::Unary gate_;
  ElementwiseKernels::Binary multiply_;
  Multiplier by_a_;
  Multiplier by_b_;
};

/// The loop over panels, on one thread where there is little to do.
void run_loop(ThreadPool& pool, int64_t count, int64_t work, FunctionRef<void(int64_t, int64_t)> body) {
  if (work <= kSerialWeights) return body(0, count);
  pool.parallel_for(count, 1, body);
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

/// Parts that the tiles are divided into where there are few panels and many rows, so that every thread has several.
int64_t tile_parts(size_t tiles, int64_t panels, const ThreadPool& pool) {
  return std::clamp<int64_t>((8 * pool.size() + panels - 1) / panels, 1, static_cast<int64_t>(tiles));
}

Tiles part_of_tiles(size_t count, int64_t part, int64_t parts) {
  const auto tiles = static_cast<int64_t>(count);
  return {part * tiles / parts, (part + 1) * tiles / parts};
}

}  // namespace

void matmul(const PackedMatrix& weights, Activations& x, float* y, int64_t y_stride, ThreadPool& pool,
            const MatmulOptions& options, int64_t slice) {
  const Product product = {.weights = &weights, .y = y, .y_stride = y_stride, .bias = options.bias, .slice = slice};
  matmul({&product, 1}, x, pool, options.activation, options.isa);
}

void matmul(std::span<const Product> products, Activations& x, ThreadPool& pool, Activation activation, Isa isa) {
  std::vector<Multiplier> multipliers;
  multipliers.reserve(products.size());
  int64_t panels = 0;
  int64_t work = 0;
  for (const Product& product : products) {
    check_shapes(*product.weights, x);
    check_slice(*product.weights, product.slice);
    multipliers.emplace_back(*product.weights, x, pool, activation, isa);
    panels += multipliers.back().panels();
    work += multipliers.back().work();
  }
  if (x.tiles().empty() || panels == 0) return;
  // Weights of different kinds may have different tiles, of the same rows.
  size_t most_tiles = 0;
  for (const Multiplier& multiplier : multipliers) most_tiles = std::max(most_tiles, multiplier.tiles().size());
  const int64_t parts = tile_parts(most_tiles, panels, pool);
  run_loop(pool, parts * panels, work, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t part = begin / panels;
      int64_t first = begin % panels;
      size_t which = 0;
      for (; first >= multipliers[which].panels(); ++which) first -= multipliers[which].panels();
      const int64_t count = std::min(end - begin, multipliers[which].panels() - first);
      const Tiles tiles = part_of_tiles(multipliers[which].tiles().size(), part, parts);
      run_product(multipliers[which], products[which], tiles, first, count);
      begin += count;
    }
  });
}

void gated_matmul(const Product& a, const Product& b, const Product& out, UnaryOp gate, Activations& x,
                  ThreadPool& pool, Activation activation, Isa isa) {
  for (const Product* product : {&a, &b}) {
    check_shapes(*product->weights, x);
    check_slice(*product->weights, product->slice);
  }
  if (a.weights->slice_rows() != b.weights->slice_rows()) {
    fail_as<std::invalid_argument>("a gate of {} rows for {}", a.weights->slice_rows(), b.weights->slice_rows());
  }
  if (activation == Activation::int16) fail_as<std::invalid_argument>("a gate takes activations of one digit");
  const GatedProduct product(a, b, out, gate, x, pool, activation, isa);
  const int64_t panels = product.panels();
  if (x.tiles().empty() || panels == 0) return;
  const size_t tiles = product.tiles();
  const int64_t parts = tile_parts(tiles, panels, pool);
  run_loop(pool, parts * panels, product.work(), [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t count = std::min(end - begin, panels - begin % panels);
      product.run(part_of_tiles(tiles, begin / panels, parts), begin % panels, count);
      begin += count;
    }
  });
}

void grouped_matmul(const PackedMatrix& weights, Activations& x, std::span<const int32_t> slices, float* y,
                    int64_t y_stride, ThreadPool& pool, const MatmulOptions& options) {
  check_shapes(weights, x);
  if (static_cast<int64_t>(slices.size()) != x.groups()) {
    fail_as<std::invalid_argument>("{} slices for {} groups of activation rows", slices.size(), x.groups());
  }
  for (const int32_t slice : slices) check_slice(weights, slice);
  if (options.activation == Activation::int16) fail_as<std::invalid_argument>("groups of rows have one digit");
  if (x.tiles().empty() || weights.slice_rows() == 0) return;
  const Multiplier multiplier(weights, x, pool, options.activation, options.isa);
  const int64_t panels = multiplier.panels();
  run_loop(pool, x.groups() * panels, multiplier.work(), [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t group = begin / panels;
      const int64_t count = std::min(end - begin, panels - begin % panels);
      const auto [tile_begin, tile_end] = x.group_tiles(group);
      const int64_t slice = slices[static_cast<size_t>(group)];
      const float* bias = options.bias ? options.bias + slice * weights.slice_rows() : nullptr;
      const Product product = {.weights = &weights, .y = y, .y_stride = y_stride, .bias = bias, .slice = slice};
      run_product(multiplier, product, {tile_begin, tile_end}, begin % panels, count);
      begin += count;
    }
  });
}

}  // namespace mica::cpu
