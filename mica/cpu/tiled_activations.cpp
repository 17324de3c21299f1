#include "mica/cpu/tiled_activations.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mica::cpu {
namespace {

/// Rows of which a loop over threads would cost more than it gains are in few tiles.
constexpr int64_t kSerialTiles = 2;

/// Puts the values of row `row` of a tile where its operands have them, of which a row is `width` values.
template <int width, typename T>
void scatter(const std::vector<T>& values, int64_t row, T* tile) {
  const auto count = static_cast<int64_t>(values.size());
  for (int64_t i = 0; i < count; i += width) {
    std::memcpy(tile + i * kTileHeight + row * width, values.data() + i, width * sizeof(T));
  }
}

}  // namespace

void TiledActivations::clear() {
  tiles_.clear();
  group_begin_.clear();
  for (Int8& copy : int8_) copy.ready = false;
  bf16_ready_ = false;
}

void TiledActivations::split(std::span<const int64_t> ends, int64_t cols, int64_t padded_cols) {
  cols_ = cols;
  padded_ = padded_cols;
  group_begin_.push_back(0);
  int64_t begin = 0;
  for (const int64_t end : ends) {
    for (; begin < end; begin += tiles_.back().count) {
      tiles_.push_back({begin, static_cast<int32_t>(std::min<int64_t>(kTileHeight, end - begin))});
    }
    group_begin_.push_back(static_cast<int64_t>(tiles_.size()));
  }
}

std::pair<int64_t, int64_t> TiledActivations::group_tiles(int64_t group) const {
  return {group_begin_[static_cast<size_t>(group)], group_begin_[static_cast<size_t>(group) + 1]};
}

void TiledActivations::for_tiles(ThreadPool& pool, FunctionRef<void(int64_t)> body) const {
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  };
  const auto count = static_cast<int64_t>(tiles_.size());
  if (count <= kSerialTiles) return run(0, count);
  pool.parallel_for(count, 1, run);
}

void TiledActivations::quantize(int64_t index, RowAt row, Quantizer quantizer, Int8& copy) const {
  const Tile& tile = tiles_[static_cast<size_t>(index)];
  const int64_t steps = padded_ / copy.rounding.step;
  std::vector<int8_t> values(static_cast<size_t>(padded_));
  std::vector<float> scales(static_cast<size_t>(steps)), sums(scales.size());
  std::vector<int32_t> totals(scales.size());
  std::vector<Rest> rests(static_cast<size_t>(padded_ / kActivationGroup));
  std::vector<Rest>& all_rests = copy.rests[static_cast<size_t>(index)];
  all_rests.clear();
  for (int32_t m = 0; m < tile.count; ++m) {
    const int64_t count = quantizer({.x = {row(tile.first + m)},
                                     .rows = 1,
                                     .cols = cols_,
                                     .padded = padded_,
                                     .rounding = copy.rounding,
                                     .values = values.data(),
                                     .scales = scales.data(),
                                     .sums = sums.data(),
                                     .totals = totals.data(),
                                     .rests = rests.data()});
    scatter<32>(values, m, copy.values.data() + index * kTileHeight * padded_);
    const int64_t at = index * kTileHeight * steps + m;
    for (int64_t i = 0; i < steps; ++i) {
      copy.scales.data()[at + i * kTileHeight] = scales[static_cast<size_t>(i)];
      copy.sums.data()[at + i * kTileHeight] = sums[static_cast<size_t>(i)];
      copy.totals.data()[at + i * kTileHeight] = totals[static_cast<size_t>(i)];
    }
    for (int64_t i = 0; i < count; ++i) all_rests.emplace_back(rests[static_cast<size_t>(i)]).row = m;
  }
  std::ranges::sort(all_rests, {}, [](const Rest& rest) { return std::pair(rest.group, rest.row); });
  copy.rests_views[static_cast<size_t>(index)] = all_rests;
}

const TiledActivations::Int8& TiledActivations::int8(const Rounding& rounding, RowAt row, Quantizer quantizer,
                                                     ThreadPool& pool) {
  const auto found = std::ranges::find(int8_, rounding, &Int8::rounding);
  Int8& copy = found != int8_.end() ? *found : int8_.emplace_back();
  copy.rounding = rounding;
  if (copy.ready) return copy;
  const auto count = static_cast<int64_t>(tiles_.size());
  copy.values.reserve(count * kTileHeight * padded_);
  copy.scales.reserve(count * kTileHeight * padded_ / rounding.step);
  copy.sums.reserve(count * kTileHeight * padded_ / rounding.step);
  copy.totals.reserve(count * kTileHeight * padded_ / rounding.step);
  copy.rests.resize(std::max(copy.rests.size(), tiles_.size()));
  copy.rests_views.resize(copy.rests.size());
  for_tiles(pool, [&](int64_t index) { quantize(index, row, quantizer, copy); });
  copy.ready = true;
  return copy;
}

const uint32_t* TiledActivations::bf16(RowAt row, ThreadPool& pool) {
  if (bf16_ready_) return bf16_.data();
  bf16_.reserve(static_cast<int64_t>(tiles_.size()) * kTileHeight * padded_ / 2);
  for_tiles(pool, [&](int64_t index) {
    const Tile& tile = tiles_[static_cast<size_t>(index)];
    std::vector<uint32_t> values(static_cast<size_t>(padded_ / 2));
    for (int32_t m = 0; m < tile.count; ++m) {
      avx512bf16::round_to_bf16(
          {.x = row(tile.first + m), .cols = cols_, .padded = padded_, .pairs = values.data(), .stride = 1});
      scatter<16>(values, m, bf16_.data() + index * kTileHeight * padded_ / 2);
    }
  });
  bf16_ready_ = true;
  return bf16_.data();
}

}  // namespace mica::cpu
