#include "mica/cpu/conv_direct.h"

#include <algorithm>
#include <memory>

#include "mica/cpu/kernels/conv_tile.h"
#include "mica/cpu/kernels/gemm_kernels.h"

namespace mica::cpu {
namespace {

/// Output rows of a task: its panel of weights is read once for all of them.
constexpr int64_t kTaskRows = 8;

struct Kernels {
  GemmTileShape (*shape)(bool);
  void (*pack)(const GemmPack&);
  int64_t (*positions)();
  void (*tile)(const ConvTile&);
};

Kernels choose_kernels(Isa isa) {
  if (isa >= Isa::avx512) {
    return {avx512::gemm_tile_shape, avx512::gemm_pack, avx512::conv_tile_positions, avx512::conv_tile};
  }
  if (isa == Isa::avx2) return {avx2::gemm_tile_shape, avx2::gemm_pack, avx2::conv_tile_positions, avx2::conv_tile};
  return {reference::gemm_tile_shape, reference::gemm_pack, reference::conv_tile_positions, reference::conv_tile};
}

using Floats = std::unique_ptr<float[]>;

/// The weights as panels of `width` filters: [panels][tap rows][taps of a row · channels][width].
Floats pack_weights(const Kernels& kernels, const Problem& p, const float* w, int64_t width, ThreadPool& pool) {
  const int64_t depth = p.taps() * p.channels;
  const int64_t panels = (p.filters + width - 1) / width;
  Floats out = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(panels * depth * width));
  // Cut along the depth too: there may be fewer panels than threads.
  constexpr int64_t kDepth = 256;
  const int64_t parts = (depth + kDepth - 1) / kDepth;
  pool.parallel_for(panels * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t panel = task / parts;
      const int64_t k = task % parts * kDepth;
      kernels.pack({.type = GemmType::f32,
                    .data = w + panel * width * depth + k,
                    .count = std::min(width, p.filters - panel * width),
                    .depth = std::min(kDepth, depth - k),
                    .vector_stride = depth,
                    .depth_stride = 1,
                    .width = static_cast<int>(width),
                    .out = out.get() + (panel * depth + k) * width});
    }
  });
  return out;
}

/// The input with zeros at both ends of the last axis, so that every tap there has a place.
Floats pad(const Problem& p, const float* x, int64_t before, int64_t padded, ThreadPool& pool) {
  const int64_t rows = p.samples * p.axis[0].input * p.axis[1].input;
  const int64_t used = std::min(p.axis[2].input, padded - before);
  Floats out = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(rows * padded * p.channels));
  pool.parallel_for(rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* to = out.get() + row * padded * p.channels;
      to = std::fill_n(to, before * p.channels, 0.0f);
      to = std::copy_n(x + row * p.axis[2].input * p.channels, used * p.channels, to);
      std::fill_n(to, (padded - before - used) * p.channels, 0.0f);
    }
  });
  return out;
}

class Direct {
 public:
  Direct(const Kernels& kernels, const Problem& p, const float* x, int64_t row_length, int64_t stride,
         const float* weights, int64_t width, float* out)
      : kernels_(kernels),
        p_(p),
        x_(x),
        row_length_(row_length),
        stride_(stride),
        weights_(weights),
        width_(width),
        out_(out),
        tap_rows_(static_cast<size_t>(p.axis[0].taps * p.axis[1].taps)) {}

  /// The output row's positions with the filters of a panel.
  void row(int64_t row, int64_t panel) {
    const ConvTile whole = find_taps(row, panel);
    const int64_t length = p_.axis[2].output;
    const int64_t tiles = (length + kernels_.positions() - 1) / kernels_.positions();
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t first = length * i / tiles;
      ConvTile tile = whole;
      tile.positions = length * (i + 1) / tiles - first;
      tile.out += first * tile.ldc;
      for (size_t t = 0; t < static_cast<size_t>(tile.tap_rows); ++t) moved_[t] = taps_[t] + first * tile.step;
      tile.taps = moved_.data();
      kernels_.tile(tile);
    }
  }

 private:
  ConvTile find_taps(int64_t row, int64_t panel) {
    const int64_t o1 = row % p_.axis[1].output;
    const int64_t o0 = row / p_.axis[1].output % p_.axis[0].output;
    const int64_t sample = row / (p_.axis[1].output * p_.axis[0].output);
    const int64_t length = p_.axis[2].taps * p_.channels;
    const float* weights = weights_ + panel * static_cast<int64_t>(tap_rows_) * length * width_;
    taps_.clear();
    factors_.clear();
    for (int64_t t0 = 0; t0 < p_.axis[0].taps; ++t0) {
      for (int64_t t1 = 0; t1 < p_.axis[1].taps; ++t1) {
        const int64_t i0 = p_.axis[0].of(o0)[t0];
        const int64_t i1 = p_.axis[1].of(o1)[t1];
        if (i0 < 0 || i1 < 0) continue;
        const int64_t input_row = (sample * p_.axis[0].input + i0) * p_.axis[1].input + i1;
        taps_.push_back(x_ + input_row * row_length_ * p_.channels);
        factors_.push_back(weights + (t0 * p_.axis[1].taps + t1) * length * width_);
      }
    }
    moved_.resize(taps_.size());
    return {.taps = taps_.data(),
            .weights = factors_.data(),
            .tap_rows = static_cast<int64_t>(taps_.size()),
            .length = length,
            .step = stride_ * p_.channels,
            .out = out_ + row * p_.axis[2].output * p_.filters + panel * width_,
            .ldc = p_.filters,
            .positions = 0,
            .filters = std::min(width_, p_.filters - panel * width_)};
  }

  const Kernels& kernels_;
  const Problem& p_;
  const float* x_;
  int64_t row_length_;
  int64_t stride_;
  const float* weights_;
  int64_t width_;
  float* out_;
  size_t tap_rows_;
  std::vector<const float*> taps_;
  std::vector<const float*> moved_;
  std::vector<const float*> factors_;
};

}  // namespace

void convolve_directly(const Problem& problem, const ConvAxis& last, const float* x, const float* w, float* out,
                       ThreadPool& pool, Isa isa) {
  const Kernels kernels = choose_kernels(isa);
  const int64_t width = kernels.shape(false).cols;
  const Floats weights = pack_weights(kernels, problem, w, width, pool);
  const Places& axis = problem.axis[2];
  const int64_t needed = (axis.output - 1) * last.stride + axis.taps;
  Floats padded;
  int64_t row_length = axis.input;
  if (last.padding_lo > 0 || needed > axis.input) {
    row_length = std::max<int64_t>(needed, last.padding_lo);
    padded = pad(problem, x, last.padding_lo, row_length, pool);
    x = padded.get();
  }
  const int64_t panels = (problem.filters + width - 1) / width;
  const int64_t blocks = (problem.rows() + kTaskRows - 1) / kTaskRows;
  pool.parallel_for(blocks * panels, 1, [&](int64_t begin, int64_t end) {
    Direct direct(kernels, problem, x, row_length, last.stride, weights.get(), width, out);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task / panels * kTaskRows;
      for (int64_t row = first; row < std::min(first + kTaskRows, problem.rows()); ++row) {
        direct.row(row, task % panels);
      }
    }
  });
}

}  // namespace mica::cpu
