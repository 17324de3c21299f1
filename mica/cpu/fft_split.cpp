#include "mica/cpu/fft_split.h"

#include <algorithm>

#include "mica/base/thread_pool.h"
#include "mica/cpu/fft_job.h"
#include "mica/cpu/fft_turns.h"
#include "mica/cpu/workspace.h"

namespace mica::cpu {
namespace {

/// Shorter rows are not shared out over the threads.
constexpr int64_t kLong = 32768;

/// Groups of kFourierColumns of `count` columns; the last one overlaps the one before where they do not come out even.
struct Groups {
  int64_t count;

  int64_t size() const { return (count + kFourierColumns - 1) / kFourierColumns; }
  int64_t begin(int64_t group) const { return std::min(group * kFourierColumns, count - kFourierColumns); }
  /// Columns that are computed for one that is wanted.
  double waste() const { return static_cast<double>(size() * kFourierColumns) / static_cast<double>(count); }
};

/// Calls body(begin, end, memory) for ranges of groups of columns of `length` numbers; of long rows they are shared out
/// over the threads, which need `memory_size` numbers each. Groups that overlap are done by one thread.
template <typename Body>
void for_groups(const Groups& groups, int64_t length, float* memory, int64_t memory_size, Body body) {
  if (groups.count * length < kLong) return body(0, groups.size(), memory);
  const int64_t tasks = groups.count / kFourierColumns;
  const int64_t grain = std::max<int64_t>(1, kFourierGrain / (length * kFourierColumns));
  ThreadPool::global().parallel_for(tasks, grain, [&](int64_t begin, int64_t end) {
    const Workspace<float> own(memory_size);
    body(begin, end == tasks ? groups.size() : end, own.data());
  });
}

}  // namespace

std::optional<SplitFourier::Choice> SplitFourier::choose(int64_t n) {
  constexpr double kBetweenSteps = 6;
  std::optional<Choice> best;
  for (int64_t a = kFourierColumns; a * kFourierColumns <= n; ++a) {
    if (n % a != 0) continue;
    const int64_t b = n / a;
    // Tiles of long columns leave the cache.
    const double distance = 1e-3 * static_cast<double>(std::max(a, b));
    const double cost = FourierPasses::cost(a) * Groups{b}.waste() + FourierPasses::cost(b) * Groups{a}.waste() +
                        kBetweenSteps + distance;
    if (!best || cost < best->cost) best = {a, cost};
  }
  return best;
}

SplitFourier::SplitFourier(int64_t n, int64_t a) : a_(a), b_(n / a), first_(a_), second_(b_) {
  const std::vector<FourierNumber> circle = fourier_turns(n, n);
  turns_re_.reserve(circle.size());
  turns_im_.reserve(circle.size());
  for (int64_t k = 0; k < a_; ++k) {
    for (int64_t j = 0; j < b_; ++j) {
      const FourierNumber turn = circle[static_cast<size_t>(j * k)];
      turns_re_.push_back(static_cast<float>(turn.re));
      turns_im_.push_back(static_cast<float>(turn.im));
    }
  }
}

int64_t SplitFourier::scratch_size() const {
  const int64_t tiles = Groups{a_}.size() * second_.tile_size();
  return tiles + std::max(3 * first_.tile_size(), 2 * second_.tile_size());
}

void SplitFourier::run(float* re, float* im, float* scratch, const FourierFactors& factors) const {
  // Tiles for the second step, one after the other.
  float* between = scratch;
  float* spare = scratch + Groups{a_}.size() * second_.tile_size();
  for_groups({b_}, a_, spare, 3 * first_.tile_size(),
             [&](int64_t begin, int64_t end, float* memory) { run_first(re, im, between, begin, end, memory); });
  for_groups({a_}, b_, spare, 2 * second_.tile_size(), [&](int64_t begin, int64_t end, float* memory) {
    run_second(re, im, factors, between, begin, end, memory);
  });
}

/// Columns of `a` numbers, times the turns; then rows of the tiles for the second step.
void SplitFourier::run_first(const float* re, const float* im, float* between, int64_t begin, int64_t end,
                             float* scratch) const {
  constexpr int64_t kBlock = kFourierColumns;
  const auto to_tile = fourier_kernels().to_tile;
  const int64_t size = first_.tile_size();
  const FourierTarget tile = first_.tile(scratch);
  const Groups columns{b_};
  const Groups rows{a_};
  for (int64_t group = begin; group < end; ++group) {
    const int64_t at = columns.begin(group);
    first_.run({re + at, im + at, b_}, tile, {scratch + size, scratch + 2 * size},
               {turns_re_.data() + at, turns_im_.data() + at, b_});
    for (int64_t other = 0; other < rows.size(); ++other) {
      const FourierTarget to = second_.tile(between + other * second_.tile_size());
      const int64_t from = rows.begin(other) * kBlock;
      to_tile({tile.re + from, kBlock, kBlock}, kBlock, to.re + at * kBlock);
      to_tile({tile.im + from, kBlock, kBlock}, kBlock, to.im + at * kBlock);
    }
  }
}

/// Columns of `b` numbers, in their final order, times the factors.
void SplitFourier::run_second(float* re, float* im, const FourierFactors& factors, float* between, int64_t begin,
                              int64_t end, float* scratch) const {
  const int64_t size = second_.tile_size();
  for (int64_t group = begin; group < end; ++group) {
    const FourierTarget from = second_.tile(between + group * size);
    const int64_t at = Groups{a_}.begin(group);
    const FourierSource own = factors.re ? FourierSource{factors.re + at, factors.im + at, a_} : FourierSource{};
    second_.run({from.re, from.im, from.step}, {re + at, im + at, a_}, {scratch, scratch + size}, own);
  }
}

}  // namespace mica::cpu
