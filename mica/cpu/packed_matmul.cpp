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

/// Panels whose products with a tile stay in the first-level cache until they are put together.
constexpr int64_t kScratchPanels = 16;

/// Weights for which a loop over threads costs more than it gains.
constexpr int64_t kSerialWeights = 1 << 13;

/// The copy of the activations that a product reads.
enum class Copy { int8, bf16, exact };

Copy choose_copy(PanelCode code, Activation activation, Isa isa) {
  if (activation == Activation::exact) return Copy::exact;
  if (code <= PanelCode::u8) return Copy::int8;
  return code == PanelCode::bf16 && isa >= Isa::avx512bf16 ? Copy::bf16 : Copy::exact;
}

Kernel choose_kernel(Copy copy, Isa isa) {
  if (copy == Copy::bf16) return avx512bf16::bf16_product;
  if (copy == Copy::exact) {
    if (isa >= Isa::avx512) return avx512::exact_product;
    return isa == Isa::avx2 ? avx2::exact_product : reference::exact_product;
  }
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

/// Panels of a slice.
struct PanelRange {
  int64_t first = 0;
  int64_t count = 0;
};

/// A weight and the form of the activations that its kernel reads.
class Multiplier {
 public:
  Multiplier(const PackedMatrix& weights, Activations& x, ThreadPool& pool, Activation activation, Isa isa)
      : weights_(&weights), x_(&x) {
    const PanelLayout& layout = weights.layout();
    const Copy copy = choose_copy(layout.code, activation, isa);
    kernel_ = choose_kernel(copy, isa);
    switch (copy) {
      case Copy::int8:
        // A scale for 64 activations would be less arithmetic, but more than the quality allows (docs/performance.md).
        step_ = std::min<int>(layout.group, kActivationGroup);
        int8_ = &x.int8(step_, pool);
        if (layout.is_symmetric()) starts_ = x.starts(step_, static_cast<int32_t>(layout.offset), pool);
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

  /// Panels of a slice times a tile of rows; y, its bias and its residual are those of the
  /// tile's first row and the first panel.
  void multiply(int64_t slice, PanelRange panels, const Activations::Tile& tile, const Target& y) const {
    PanelProduct product{.layout = &weights_->layout(),
                         .panels = weights_->panel(slice * this->panels() + panels.first),
                         .panel_count = panels.count,
                         .rows = tile.count,
                         .step = step_,
                         .y = y.y,
                         .y_stride = y.stride,
                         .y_cols = columns_from(panels.first),
                         .bias = y.bias,
                         .residual = y.residual,
                         .scale = y.scale,
                         .factor = weights_->factor()};
    const int64_t padded = x_->padded_cols();
    if (int8_) {
      const int64_t first_step = tile.first * (padded / step_);
      product.x = int8_->values.data() + tile.first * padded;
      product.x_scales = int8_->scales.data() + first_step;
      product.x_sums = int8_->sums.data() + first_step;
      if (starts_) product.x_starts = starts_ + first_step;
      product.rests = {int8_->rests.data() + tile.first * (padded / kActivationGroup),
                       static_cast<size_t>(int8_->rest_counts.data()[tile.first])};
    } else if (bf16_) {
      product.x = bf16_ + tile.first * padded / 2;
    } else {
      product.x = exact_ + tile.first * padded;
    }
    kernel_(product);
  }

  std::span<const Activations::Tile> tiles() const { return x_->tiles(); }

  /// Panels whose codes stay in the second-level cache.
  int64_t panels_in_cache() const {
    return std::max<int64_t>(1, kPanelBlockBytes / std::max<int64_t>(1, weights_->layout().panel_bytes()));
  }

 private:
  const PackedMatrix* weights_;
  Activations* x_;
  Kernel kernel_ = nullptr;
  int step_ = 0;
  const Activations::Int8* int8_ = nullptr;
  const int32_t* starts_ = nullptr;
  const uint32_t* bf16_ = nullptr;
  const float* exact_ = nullptr;
};

/// A range of the tiles of x.
struct Tiles {
  int64_t begin = 0;
  int64_t end = 0;
};

/// Calls run(panels, tile) for blocks of at most `block` of the panels, each with all tiles of the range while its
/// codes are in the cache.
template <typename Run>
void for_blocks(std::span<const Activations::Tile> tiles, Tiles range, PanelRange panels, int64_t block, Run run) {
  const int64_t end = panels.first + panels.count;
  for (int64_t first = panels.first; first < end; first += block) {
    for (int64_t tile = range.begin; tile < range.end; ++tile) {
      run(PanelRange{first, std::min(block, end - first)}, tiles[static_cast<size_t>(tile)]);
    }
  }
}

/// Some panels of a product for some of the tiles.
void run_product(const Multiplier& multiplier, const Product& product, Tiles range, PanelRange panels) {
  // One tile reads every panel once: nothing to keep in a cache.
  const int64_t block = range.end - range.begin == 1 ? panels.count : multiplier.panels_in_cache();
  for_blocks(multiplier.tiles(), range, panels, block, [&](PanelRange part, const Activations::Tile& tile) {
    multiplier.multiply(product.slice, part, tile, target(product, tile.first, part.first * kPanelRows));
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
  int64_t work() const { return 2 * by_a_.work(); }

  void run(Tiles range, PanelRange panels) const {
    const int64_t block = std::min({kScratchPanels, by_a_.panels_in_cache(), by_b_.panels_in_cache()});
    for_blocks(by_a_.tiles(), range, panels, block,
               [&](PanelRange part, const Activations::Tile& tile) { run_tile(part, tile); });
  }

 private:
  void run_tile(PanelRange panels, const Activations::Tile& tile) const {
    alignas(64) float a[kMostTileRows * kScratchPanels * kPanelRows];
    alignas(64) float b[kMostTileRows * kScratchPanels * kPanelRows];
    const int64_t column = panels.first * kPanelRows;
    const int64_t width = panels.count * kPanelRows;
    const int64_t columns = std::min(width, by_a_.columns_from(panels.first));
    by_a_.multiply(a_.slice, panels, tile, {a, width, a_.bias ? a_.bias + column : nullptr});
    by_b_.multiply(b_.slice, panels, tile, {b, width, b_.bias ? b_.bias + column : nullptr});
    for (int64_t row = 0; row < tile.count; ++row) {
      const Target out = target(out_, tile.first + row, column);
      gate_(a + row * width, a + row * width, columns);
      multiply_(a + row * width, b + row * width, out.y, columns);
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
  const size_t tiles = x.tiles().size();
  const int64_t parts = tile_parts(tiles, panels, pool);
  run_loop(pool, parts * panels, work, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t part = begin / panels;
      int64_t first = begin % panels;
      size_t which = 0;
      for (; first >= multipliers[which].panels(); ++which) first -= multipliers[which].panels();
      const int64_t count = std::min(end - begin, multipliers[which].panels() - first);
      run_product(multipliers[which], products[which], part_of_tiles(tiles, part, parts), {first, count});
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
  const GatedProduct product(a, b, out, gate, x, pool, activation, isa);
  const int64_t panels = product.panels();
  if (x.tiles().empty() || panels == 0) return;
  const size_t tiles = x.tiles().size();
  const int64_t parts = tile_parts(tiles, panels, pool);
  run_loop(pool, parts * panels, product.work(), [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t count = std::min(end - begin, panels - begin % panels);
      product.run(part_of_tiles(tiles, begin / panels, parts), {begin % panels, count});
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
      run_product(multiplier, product, {tile_begin, tile_end}, {begin % panels, count});
      begin += count;
    }
  });
}

}  // namespace mica::cpu
