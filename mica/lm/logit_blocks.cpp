#include "mica/lm/logit_blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "mica/base/thread_pool.h"
#include "mica/cpu/fold.h"
#include "mica/cpu/kernels/elementwise.h"

namespace mica::lm {
namespace {

/// Blocks of which a thread takes so many at least: some microseconds of work.
constexpr int64_t kGrain = 8;

template <typename Run>
void for_blocks(size_t count, Run run) {
  ThreadPool::global().parallel_for(static_cast<int64_t>(count), kGrain, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) run(i);
  });
}

}  // namespace

LogitBlocks::LogitBlocks(std::span<const float> logits)
    : logits_(logits), most_((logits.size() + kBlock - 1) / kBlock), sums_(most_.size()) {
  const cpu::FoldKernel maximum = cpu::choose_fold_kernel(cpu::FoldType::f32, cpu::FoldOp::max);
  for_blocks(count(), [&](size_t i) {
    const std::span<const float> part = block(i);
    const auto size = static_cast<int64_t>(part.size());
    maximum.row(part.data(), size, &most_[i]);
    const bool is_empty = most_[i] == -std::numeric_limits<float>::infinity();
    sums_[i] = cpu::row_kernels().sum_exp(part.data(), is_empty ? 0.0f : most_[i], size);
  });
  float most = 0.0f;
  maximum.row(most_.data(), static_cast<int64_t>(count()), &most);
  const auto index = static_cast<size_t>(maximum.find(most_.data(), static_cast<int64_t>(count()), &most));
  const std::span<const float> part = block(index);
  const int64_t place = maximum.find(part.data(), static_cast<int64_t>(part.size()), &most);
  best_place_ = index * kBlock + static_cast<size_t>(place);
}

std::span<const float> LogitBlocks::block(size_t index) const {
  const size_t begin = index * kBlock;
  return logits_.subspan(begin, std::min(kBlock, logits_.size() - begin));
}

float LogitBlocks::normalizer() const {
  double total = 0;
  for (const double sum : sums(1.0f)) total += sum;
  return best() + static_cast<float>(std::log(total));
}

std::vector<double> LogitBlocks::sums(float temperature) const {
  std::vector<double> out(count());
  if (temperature == 1.0f) {
    for (size_t i = 0; i < count(); ++i) {
      out[i] = static_cast<double>(sums_[i]) * std::exp(static_cast<double>(most_[i]) - static_cast<double>(best()));
    }
    return out;
  }
  for_blocks(count(), [&](size_t i) {
    const std::span<const float> part = block(i);
    std::array<float, kBlock> scaled;
    for (size_t j = 0; j < part.size(); ++j) scaled[j] = (part[j] - best()) / temperature;
    out[i] = static_cast<double>(cpu::row_kernels().sum_exp(scaled.data(), 0.0f, static_cast<int64_t>(part.size())));
  });
  return out;
}

}  // namespace mica::lm
