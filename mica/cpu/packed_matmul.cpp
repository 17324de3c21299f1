// The products of packed_matrix.h: cuts a product into panels and tiles of rows, and hands them to the kernels.

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "mica/base/error.h"
#include "mica/base/function_ref.h"
#include "mica/cpu/kernels/products.h"
#include "mica/cpu/packed_matrix.h"

namespace mica::cpu {
namespace {

using Kernel = void (*)(const PanelProduct&);

/// Panels that stay in the second-level cache while all tiles of rows pass over them.
constexpr int64_t kPanelBlockBytes = 256 << 10;

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

/// The part of a product that shares a slice of the weights: tiles [begin, end) of the activations.
struct Job {
  int64_t slice = 0;
  int64_t tile_begin = 0;
  int64_t tile_end = 0;
  const float* bias = nullptr;  ///< of the slice
};

class Multiplier {
 public:
  Multiplier(const PackedMatrix& weights, Activations& x, float* y, int64_t y_stride, ThreadPool& pool,
             Activation activation, Isa isa)
      : weights_(&weights), x_(&x), y_(y), y_stride_(y_stride) {
    const PanelLayout& layout = weights.layout();
    const bool int8 = activation == Activation::int8 && has_integer_codes(layout.code);
    kernel_ = choose_kernel(int8, isa);
    if (int8) {
      step_ = std::min<int>(layout.group, 64);
      int8_ = &x.int8(step_, pool);
    } else {
      exact_ = x.exact(pool);
    }
  }

  /// Work of one tile of rows, in multiplications.
  int64_t work() const { return weights_->slice_rows() * weights_->cols(); }
  int64_t panels() const { return weights_->panels_per_slice(); }

  /// Panels [first, first + count) of the job's slice.
  void run_panels(const Job& job, int64_t first, int64_t count) const {
    const int64_t block =
        std::max<int64_t>(1, kPanelBlockBytes / std::max<int64_t>(1, weights_->layout().panel_bytes()));
    // One tile reads every panel once: nothing to keep in a cache.
    const int64_t step = job.tile_end - job.tile_begin == 1 ? count : block;
    for (int64_t panel = first; panel < first + count; panel += step) {
      const int64_t panels = std::min(step, first + count - panel);
      for (int64_t tile = job.tile_begin; tile < job.tile_end; ++tile) {
        run_tile(job, panel, panels, x_->tiles()[static_cast<size_t>(tile)]);
      }
    }
  }

 private:
  void run_tile(const Job& job, int64_t panel, int64_t panels, const Activations::Tile& tile) const {
    const int64_t column = panel * kPanelRows;
    const int64_t rows = weights_->slice_rows();
    PanelProduct product{.layout = &weights_->layout(),
                         .panels = weights_->panel(job.slice * weights_->panels_per_slice() + panel),
                         .panel_count = panels,
                         .rows = tile.count,
                         .step = step_,
                         .y = y_ + tile.first * y_stride_ + column,
                         .y_stride = y_stride_,
                         .y_cols = rows - column,
                         .bias = job.bias ? job.bias + column : nullptr,
                         .factor = weights_->factor()};
    const int64_t padded = x_->padded_cols();
    if (int8_) {
      product.x = int8_->values.data() + tile.first * padded;
      product.x_scales = int8_->scales.data() + tile.first * (padded / step_);
      product.x_sums = int8_->sums.data() + tile.first * (padded / step_);
    } else {
      product.x = exact_ + tile.first * padded;
    }
    kernel_(product);
  }

  const PackedMatrix* weights_;
  Activations* x_;
  float* y_;
  int64_t y_stride_;
  Kernel kernel_ = nullptr;
  int step_ = 0;
  const Activations::Int8* int8_ = nullptr;
  const float* exact_ = nullptr;
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

}  // namespace

void matmul(const PackedMatrix& weights, Activations& x, float* y, int64_t y_stride, ThreadPool& pool,
            const MatmulOptions& options, int64_t slice) {
  const Product product = {&weights, y, y_stride, options.bias, slice};
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
    multipliers.emplace_back(*product.weights, x, product.y, product.y_stride, pool, activation, isa);
    panels += multipliers.back().panels();
    work += multipliers.back().work() * x.count();
  }
  const auto tiles = static_cast<int64_t>(x.tiles().size());
  if (tiles == 0 || panels == 0) return;
  // Few panels and many rows: the rows are divided too, so that every thread has several parts.
  const int64_t parts = std::clamp<int64_t>((8 * pool.size() + panels - 1) / panels, 1, tiles);
  const auto body = [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t part = begin / panels;
      int64_t first = begin % panels;
      size_t which = 0;
      for (; first >= multipliers[which].panels(); ++which) first -= multipliers[which].panels();
      const int64_t count = std::min(end - begin, multipliers[which].panels() - first);
      const Job job = {products[which].slice, part * tiles / parts, (part + 1) * tiles / parts, products[which].bias};
      multipliers[which].run_panels(job, first, count);
      begin += count;
    }
  };
  run_loop(pool, parts * panels, work, body);
}

void grouped_matmul(const PackedMatrix& weights, Activations& x, std::span<const int32_t> slices, float* y,
                    int64_t y_stride, ThreadPool& pool, const MatmulOptions& options) {
  check_shapes(weights, x);
  if (static_cast<int64_t>(slices.size()) != x.groups()) {
    fail_as<std::invalid_argument>("{} slices for {} groups of activation rows", slices.size(), x.groups());
  }
  for (const int32_t slice : slices) check_slice(weights, slice);
  if (x.tiles().empty() || weights.slice_rows() == 0) return;
  const Multiplier multiplier(weights, x, y, y_stride, pool, options.activation, options.isa);
  const int64_t panels = multiplier.panels();
  const auto body = [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t group = begin / panels;
      const int64_t first = begin % panels;
      const int64_t count = std::min(end - begin, panels - first);
      const auto [tile_begin, tile_end] = x.group_tiles(group);
      const int64_t slice = slices[static_cast<size_t>(group)];
      const float* bias = options.bias ? options.bias + slice * weights.slice_rows() : nullptr;
      multiplier.run_panels({slice, tile_begin, tile_end, bias}, first, count);
      begin += count;
    }
  };
  run_loop(pool, x.groups() * panels, multiplier.work() * x.count(), body);
}

}  // namespace mica::cpu
