#include "mica/cpu/fft_plan.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "mica/cpu/fft_bluestein.h"
#include "mica/cpu/fft_cache.h"
#include "mica/cpu/fft_passes.h"
#include "mica/cpu/fft_split.h"

namespace mica::cpu {
namespace {

/// What rows in a tile cost, see FourierPasses::cost(): they are made columns, which costs more when they are pages
/// apart (in the same set of the cache), and leave the cache when they are long.
double cost_of_tile(int64_t n, int64_t rows) {
  const double transposed = n % 512 == 0 ? 12 : 6;
  const double used = rows < kFourierColumns ? static_cast<double>(rows) / kFourierColumns : 1;
  return (FourierPasses::cost(n) + transposed) / used + 1e-2 * static_cast<double>(n);
}

/// How to transform rows of a length with small prime factors: in two steps, the first of length `split`, or in tiles.
struct Way {
  int64_t n;
  double cost;
  std::optional<int64_t> split;
};

Way best_way(int64_t n, int64_t rows) {
  const double tiles = cost_of_tile(n, rows);
  const auto choice = SplitFourier::choose(n);
  return choice && choice->cost < tiles ? Way{n, choice->cost, choice->a} : Way{n, tiles, std::nullopt};
}

std::unique_ptr<const SmoothFourier> make(const Way& way) {
  if (way.split) return std::make_unique<SplitFourier>(way.n, *way.split);
  return std::make_unique<TileFourier>(way.n);
}

/// The cheapest length for a convolution of rows of n: numbers of six bits and zeros are tried.
Way best_convolution(int64_t n, int64_t rows) {
  const int64_t least = 2 * n - 1;
  const int shift = std::max(static_cast<int>(std::bit_width(static_cast<uint64_t>(least))) - 6, 0);
  const int64_t first = ((least - 1) >> shift) + 1;
  Way best = {0, 0, std::nullopt};
  for (int64_t leading = first; leading <= 2 * first; ++leading) {
    const int64_t m = leading << shift;
    if (!FourierPasses::can_do(m)) continue;
    const Way way = best_way(m, rows);
    const bool is_better = way.cost * static_cast<double>(m) < best.cost * static_cast<double>(best.n);
    if (best.n == 0 || is_better) best = way;
  }
  return best;
}

std::shared_ptr<const FourierTransform> best_plan(int64_t n, int64_t rows) {
  if (FourierPasses::can_do(n)) return make(best_way(n, rows));
  const Way way = best_convolution(n, rows);
  return std::make_shared<const Bluestein>(n, way.n, make(way));
}

}  // namespace

std::shared_ptr<const FourierTransform> fourier_plan(int64_t n, int64_t count) {
  static FourierCache<FourierTransform> for_one;
  static FourierCache<FourierTransform> for_many;
  constexpr int64_t kMany = kFourierColumns / 2;
  return count < kMany ? for_one.get(
                             n, [&] { return best_plan(n, 1); })
                       : for_many.get(n, [&] { return best_plan(n, kFourierColumns); });
}

}  // namespace mica::cpu
