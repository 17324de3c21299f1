#include "mica/cpu/fft_tiles.h"

#include <algorithm>
#include <functional>

#include "mica/base/thread_pool.h"
#include "mica/cpu/fft_halves.h"
#include "mica/cpu/fft_passes.h"
#include "mica/cpu/workspace.h"

namespace mica::cpu {
namespace {

constexpr int64_t kColumns = kFourierColumns;

/// Up to kFourierColumns rows of a job's memories, to and from a tile.
class Ends {
 public:
  explicit Ends(const FourierJob& job) : job_(job), kernels_(fourier_kernels()) {
    if (job.of_pairs()) halves_ = FourierHalfTurns::of(job.length());
  }

  void begin(int64_t index, int64_t count, FourierParts tile, FourierParts spare) const {
    const FourierRows<const float> rows = {job_.from + index * job_.from_step(), job_.from_step(), count};
    if (job_.kind == FourierKind::to_real) return halves_ ? tangle(rows, tile, spare) : complete(rows, tile);
    if (job_.kind == FourierKind::complex || halves_)
      return kernels_.pairs_to_tile(rows, job_.length(), tile.re, tile.im);
    kernels_.to_tile(rows, job_.n, tile.re);
    std::fill_n(tile.im, job_.n * kColumns, 0.0f);
  }

  void end(FourierParts tile, FourierParts spare, int64_t index, int64_t count) const {
    const FourierRows<float> rows = {job_.to + index * job_.to_step(), job_.to_step(), count};
    if (job_.kind == FourierKind::of_real) {
      const FourierParts result = halves_ ? untangled(tile, spare) : tile;
      const float scale = halves_ ? 0.5f * job_.scale : job_.scale;
      return kernels_.pairs_from_tile(result.re, result.im, job_.stored(), scale, rows);
    }
    if (job_.kind == FourierKind::complex || halves_)
      return kernels_.pairs_from_tile(tile.re, tile.im, job_.length(), job_.scale, rows);
    std::transform(tile.re, tile.re + job_.n * kColumns, tile.re, [&](float value) { return value * job_.scale; });
    kernels_.from_tile(tile.re, job_.n, rows);
  }

 private:
  FourierParts untangled(FourierParts tile, FourierParts spare) const {
    const int64_t last = job_.length() * kColumns;
    std::copy_n(tile.re, kColumns, tile.re + last);
    std::copy_n(tile.im, kColumns, tile.im + last);
    kernels_.untangle_tile(halves_->with(tile.re, tile.im), spare.re, spare.im);
    if (job_.inverse) std::transform(spare.im, spare.im + last + kColumns, spare.im, std::negate<float>());
    return spare;
  }

  void tangle(const FourierRows<const float>& rows, FourierParts tile, FourierParts half) const {
    const int64_t last = job_.length() * kColumns;
    kernels_.pairs_to_tile(rows, job_.stored(), half.re, half.im);
    // Both ends are real. The forward transform to real numbers is the inverse one of the conjugates.
    std::fill_n(half.im, kColumns, 0.0f);
    std::fill_n(half.im + last, kColumns, 0.0f);
    if (!job_.inverse) std::transform(half.im, half.im + last, half.im, std::negate<float>());
    kernels_.tangle_tile(halves_->with(half.re, half.im), tile.re, tile.im);
  }

  /// The half of the transform of an odd number of real numbers that is kept, and the other one.
  void complete(const FourierRows<const float>& rows, FourierParts tile) const {
    kernels_.pairs_to_tile(rows, job_.stored(), tile.re, tile.im);
    std::fill_n(tile.im, kColumns, 0.0f);
    for (int64_t i = job_.stored(); i < job_.n; ++i) {
      const int64_t mirror = (job_.n - i) * kColumns;
      std::copy_n(tile.re + mirror, kColumns, tile.re + i * kColumns);
      std::transform(tile.im + mirror, tile.im + mirror + kColumns, tile.im + i * kColumns, std::negate<float>());
    }
  }

  const FourierJob& job_;
  const FourierKernels& kernels_;
  std::shared_ptr<const FourierHalfTurns> halves_;
};

}  // namespace

void transform_tiles(const FourierJob& job, const FourierTransform& plan) {
  const Ends ends(job);
  const int64_t size = (job.length() + 1) * kColumns;  // one more element for untangling
  const int64_t tiles = (job.count + kColumns - 1) / kColumns;
  const int64_t grain = std::max<int64_t>(1, kFourierGrain / (plan.work() * kColumns));
  ThreadPool::global().parallel_for(tiles, grain, [&](int64_t begin, int64_t end) {
    const Workspace<float> memory(4 * size + plan.scratch_size());
    const FourierParts tile = {memory.data(), memory.data() + size};
    const FourierParts spare = {memory.data() + 2 * size, memory.data() + 3 * size};
    const auto [re, im] = job.exchanged() ? FourierParts{tile.im, tile.re} : tile;
    for (int64_t index = begin * kColumns; index < std::min(end * kColumns, job.count); index += kColumns) {
      const int64_t count = std::min(kColumns, job.count - index);
      ends.begin(index, count, tile, spare);
      plan.run(re, im, memory.data() + 4 * size);
      ends.end(tile, spare, index, count);
    }
  });
}

}  // namespace mica::cpu
