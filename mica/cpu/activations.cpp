#include "mica/cpu/activations.h"

#include <algorithm>
#include <cmath>

#include "mica/base/cpu_info.h"
#include "mica/base/error.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/kernels/products.h"

namespace mica::cpu {
namespace {

constexpr int64_t kTileSizes[] = {12, 8, 4, 2, 1};

/// Rows for which a loop over threads costs more than it gains: about 10 µs of work.
constexpr int64_t kSerialValues = 1 << 15;

auto quantizer() {
  if (active_isa() >= Isa::avx512) return avx512::quantize_tile;
  return active_isa() == Isa::avx2 ? avx2::quantize_tile : reference::quantize_tile;
}

}  // namespace

void Activations::assign(const float* x, int64_t count, int64_t cols, int64_t stride, const RowNorm& norm) {
  reset(x, cols, stride);
  norm_ = norm;
  count_ = count;
  groups_ = 1;
  group_begin_.push_back(0);
  split(0, 0, count);
}

void Activations::gather(const float* x, int64_t cols, int64_t stride, std::span<const int32_t> rows,
                         std::span<const int32_t> ends) {
  reset(x, cols, stride);
  count_ = static_cast<int64_t>(rows.size());
  rows_.assign(rows.begin(), rows.end());
  groups_ = static_cast<int64_t>(ends.size());
  group_begin_.push_back(0);
  int64_t begin = 0;
  for (int64_t group = 0; group < groups_; ++group) {
    const int64_t end = ends[static_cast<size_t>(group)];
    if (end < begin || end > count_) fail("groups of activation rows end at {} after {}, of {}", end, begin, count_);
    split(static_cast<int32_t>(group), begin, end);
    begin = end;
  }
  if (begin != count_) fail("groups of activation rows end at {}, not at {}", begin, count_);
}

void Activations::reset(const float* x, int64_t cols, int64_t stride) {
  if (cols < 0) fail("activations of {} columns", cols);
  x_ = x;
  cols_ = cols;
  stride_ = stride;
  norm_ = {};
  rows_.clear();
  tiles_.clear();
  group_begin_.clear();
  for (Int8& copy : int8_) copy.ready = false;
  for (Starts& copy : starts_) copy.ready = false;
  sum_pairs_ready_ = false;
  bf16_ready_ = false;
  exact_ready_ = false;
  tiled_.clear();
}

void Activations::split(int32_t group, int64_t begin, int64_t end) {
  while (begin < end) {
    const int64_t height = *std::ranges::find_if(kTileSizes, [&](int64_t size) { return size <= end - begin; });
    tiles_.push_back({begin, static_cast<int32_t>(height), group});
    begin += height;
  }
  group_begin_.push_back(static_cast<int64_t>(tiles_.size()));
}

std::pair<int64_t, int64_t> Activations::group_tiles(int64_t group) const {
  return {group_begin_[static_cast<size_t>(group)], group_begin_[static_cast<size_t>(group) + 1]};
}

const float* Activations::row(int64_t index, int64_t slot) const {
  const float* x = x_ + (rows_.empty() ? index : rows_[static_cast<size_t>(index)]) * stride_;
  if (!norm_.weight) return x;
  thread_local Workspace<float> tile;
  tile.reserve(kMostTileRows * cols_);
  float* out = tile.data() + slot * cols_;
  row_kernels().rms_norm(x, norm_.weight, norm_.eps, out, cols_);
  return out;
}

float Activations::length(int64_t index) const {
  const std::span<const float> values(row(index, 0), static_cast<size_t>(cols_));
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * static_cast<double>(value);
  return static_cast<float>(std::sqrt(squares));
}

void Activations::for_tiles(ThreadPool& pool, FunctionRef<void(const Tile&)> body) {
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(tiles_[static_cast<size_t>(i)]);
  };
  const auto count = static_cast<int64_t>(tiles_.size());
  if (count_ * cols_ <= kSerialValues) return run(0, count);
  pool.parallel_for(count, 1, run);
}

const Activations::Int8& Activations::int8(const Rounding& rounding, ThreadPool& pool) {
  const auto found = std::ranges::find(int8_, rounding, &Int8::rounding);
  Int8& copy = found != int8_.end() ? *found : int8_.emplace_back();
  copy.rounding = rounding;
  if (copy.ready) return copy;
  const int64_t padded = padded_cols();
  const int64_t steps = padded / rounding.step;
  const int64_t groups = padded / kActivationGroup;
  copy.values.reserve(count_ * padded);
  copy.scales.reserve(count_ * steps);
  copy.sums.reserve(count_ * steps);
  copy.totals.reserve(count_ * steps);
  copy.rest_counts.reserve(count_);
  copy.rests.reserve(count_ * groups);  // few are used: memory that is not written is not there
  for_tiles(pool, [&](const Tile& tile) {
    TileQuantization work = {.rows = tile.count,
                             .cols = cols_,
                             .padded = padded,
                             .rounding = rounding,
                             .values = copy.values.data() + tile.first * padded,
                             .scales = copy.scales.data() + tile.first * steps,
                             .sums = copy.sums.data() + tile.first * steps,
                             .totals = copy.totals.data() + tile.first * steps,
                             .rests = copy.rests.data() + tile.first * groups};
    for (int64_t m = 0; m < tile.count; ++m) work.x[m] = row(tile.first + m, m);
    copy.rest_counts.data()[tile.first] = quantizer()(work);
  });
  copy.ready = true;
  return copy;
}

const int32_t* Activations::starts(const Int8& copy, int32_t offset) {
  auto found = std::ranges::find(starts_, offset, &Starts::offset);
  if (found == starts_.end()) found = starts_.insert(found, Starts{.offset = offset, .values = {}});
  if (!found->ready) {
    const int64_t count = count_ * (padded_cols() / kActivationGroup);
    found->values.reserve(count);
    for (int64_t i = 0; i < count; ++i) found->values.data()[i] = -offset * copy.totals.data()[i];
    found->ready = true;
  }
  return found->values.data();
}

const uint32_t* Activations::sum_pairs(const Int8& copy) {
  if (sum_pairs_ready_) return sum_pairs_.data();
  const int64_t steps = padded_cols() / kActivationGroup;  // a multiple of 4
  sum_pairs_.reserve(count_ * steps / 2);
  for (const Tile& tile : tiles_) {
    avx512bf16::pair_rows(copy.sums.data() + tile.first * steps, steps, tile.count,
                          sum_pairs_.data() + tile.first * steps / 2);
  }
  sum_pairs_ready_ = true;
  return sum_pairs_.data();
}

const uint32_t* Activations::bf16(ThreadPool& pool) {
  if (bf16_ready_) return bf16_.data();
  const int64_t padded = padded_cols();
  bf16_.reserve(count_ * padded / 2);
  for_tiles(pool, [&](const Tile& tile) {
    for (int64_t m = 0; m < tile.count; ++m) {
      avx512bf16::round_to_bf16({.x = row(tile.first + m, m),
                                 .cols = cols_,
                                 .padded = padded,
                                 .pairs = bf16_.data() + tile.first * padded / 2 + m,
                                 .stride = tile.count});
    }
  });
  bf16_ready_ = true;
  return bf16_.data();
}

const float* Activations::exact(ThreadPool& pool) {
  if (exact_ready_) return exact_.data();
  const int64_t padded = padded_cols();
  exact_.reserve(count_ * padded);
  for_tiles(pool, [&](const Tile& tile) {
    float* out = exact_.data() + tile.first * padded;
    for (int64_t m = 0; m < tile.count; ++m) {
      const float* x = row(tile.first + m, m);
      for (int64_t column = 0; column < cols_; ++column) out[column * tile.count + m] = x[column];
    }
    std::fill(out + cols_ * tile.count, out + padded * tile.count, 0.0f);
  });
  exact_ready_ = true;
  return exact_.data();
}

const TiledActivations& Activations::tiled() {
  if (tiled_.is_split()) return tiled_;
  std::vector<int64_t> ends;
  for (int64_t group = 0; group < groups_; ++group) {
    const auto end = static_cast<size_t>(group_tiles(group).second);
    ends.push_back(end < tiles_.size() ? tiles_[end].first : count_);
  }
  tiled_.split(ends, cols_, padded_cols());
  return tiled_;
}

const TiledActivations::Int8& Activations::tiled_int8(const Rounding& rounding, ThreadPool& pool) {
  tiled();
  return tiled_.int8(rounding, [&](int64_t index) { return row(index, 0); }, quantizer(), pool);
}

const uint32_t* Activations::tiled_bf16(ThreadPool& pool) {
  tiled();
  return tiled_.bf16([&](int64_t index) { return row(index, 0); }, pool);
}

}  // namespace mica::cpu
