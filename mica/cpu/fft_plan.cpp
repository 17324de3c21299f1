#include "mica/cpu/fft_plan.h"

#include "mica/cpu/fft_bluestein.h"
#include "mica/cpu/fft_cache.h"
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

std::shared_ptr<const FourierPlan> best_plan(int64_t n, int64_t rows) {
  FourierPlan plan;
  if (!FourierPasses::can_do(n)) {
    plan.rows = std::make_unique<Bluestein>(n);
  } else if (const auto choice = SplitFourier::choose(n); choice && choice->cost < cost_of_tile(n, rows)) {
    plan.rows = std::make_unique<SplitFourier>(n, choice->a);
  } else {
    plan.tiles.emplace(n);
  }
  return std::make_shared<const FourierPlan>(std::move(plan));
}

}  // namespace

std::shared_ptr<const FourierPlan> FourierPlan::of(int64_t n, int64_t count) {
  static FourierCache<FourierPlan> for_one;
  static FourierCache<FourierPlan> for_many;
  constexpr int64_t kMany = kFourierColumns / 2;
  return count < kMany ? for_one.get(
                             n, [&] { return best_plan(n, 1); })
                       : for_many.get(n, [&] { return best_plan(n, kFourierColumns); });
}

}  // namespace mica::cpu
