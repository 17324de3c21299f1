#include "mica/cpu/fft_plan.h"

#include <new>
#include <optional>

#include "mica/cpu/fft_bluestein.h"
#include "mica/cpu/fft_cache.h"
#include "mica/cpu/fft_passes.h"
#include "mica/cpu/fft_split.h"

namespace mica::cpu {
namespace {

constexpr std::align_val_t kCacheLine{64};

/// Rows as the columns of one tile.
class WholeFourier final : public FourierPlan {
 public:
  explicit WholeFourier(int64_t n) : n_(n), passes_(n) {}

  int64_t batch() const override { return kFourierColumns; }
  int64_t scratch_size() const override { return 3 * passes_.tile_size(); }

  void run(float* re, float* im, int64_t rows, int64_t row_step, float* scratch) const override {
    const FourierKernels& kernels = fourier_kernels();
    const int64_t size = passes_.tile_size();
    const FourierTarget tile = passes_.tile(scratch);
    kernels.to_tile(re, row_step, rows, n_, tile.re);
    kernels.to_tile(im, row_step, rows, n_, tile.im);
    passes_.run({tile.re, tile.im, tile.step}, tile, {scratch + size, scratch + 2 * size});
    kernels.from_tile(tile.re, rows, n_, re, row_step);
    kernels.from_tile(tile.im, rows, n_, im, row_step);
  }

 private:
  int64_t n_;
  FourierPasses passes_;
};

/// Rows whose length has a large prime factor.
class AnyFourier final : public FourierPlan {
 public:
  explicit AnyFourier(int64_t n) : transform_(n) {}

  int64_t batch() const override { return 1; }
  int64_t scratch_size() const override { return 0; }

  void run(float* re, float* im, int64_t rows, int64_t row_step, float*) const override {
    for (int64_t row = 0; row < rows; ++row) transform_.run(re + row * row_step, im + row * row_step);
  }

 private:
  Bluestein transform_;
};

/// What rows in one tile cost, see FourierPasses::cost(): they are made columns, and leave the cache when they are long.
double cost_of_whole(int64_t n, int64_t rows) {
  constexpr double kTransposed = 10;
  const double columns = rows < kFourierColumns ? static_cast<double>(rows) / kFourierColumns : 1;
  return (FourierPasses::cost(n) + kTransposed) / columns + 1e-3 * static_cast<double>(n);
}

std::unique_ptr<const FourierPlan> best_plan(int64_t n, int64_t rows) {
  if (!FourierPasses::can_do(n)) return std::make_unique<AnyFourier>(n);
  const std::optional<SplitFourier::Choice> choice = SplitFourier::choose(n);
  if (choice && choice->cost < cost_of_whole(n, rows)) return std::make_unique<SplitFourier>(n, choice->a);
  return std::make_unique<WholeFourier>(n);
}

}  // namespace

FourierMemory::FourierMemory(int64_t numbers)
    : memory_(static_cast<float*>(::operator new(static_cast<size_t>(numbers) * sizeof(float), kCacheLine))) {}

void FourierMemory::Free::operator()(float* memory) const {
  ::operator delete(memory, kCacheLine);
}

std::shared_ptr<const FourierPlan> FourierPlan::of(int64_t n, int64_t rows) {
  static FourierCache<FourierPlan> for_one;
  static FourierCache<FourierPlan> for_many;
  constexpr int64_t kMany = kFourierColumns / 2;
  return rows < kMany ? for_one.get(n, [&] { return best_plan(n, 1); })
                      : for_many.get(n, [&] { return best_plan(n, kFourierColumns); });
}

}  // namespace mica::cpu
