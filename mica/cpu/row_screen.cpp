#include "mica/cpu/row_screen.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/cpu/coarse_panel.h"
#include "mica/cpu/fold.h"
#include "mica/cpu/panel_multiplier.h"
#include "mica/cpu/workspace.h"

namespace mica::cpu {
namespace {

/// The first of the largest products seen.
struct Best {
  float value = -INFINITY;
  int64_t row = -1;

  void offer(float other, int64_t other_row) {
    const bool is_larger = std::isnan(other) ? !std::isnan(value) : other > value;
    const bool is_equal = std::isnan(other) ? std::isnan(value) : other == value;
    if (row < 0 || is_larger || (is_equal && other_row < row)) *this = {other, other_row};
  }
};

/// The products of single panels with one row of activations.
class Panels {
 public:
  Panels(const PackedMatrix& weights, Activations& x, ThreadPool& pool, const KernelLevel& level)
      : rows_(weights.rows()), multiplier_(weights, x, pool, Activation::int8, level) {}

  /// Offers the rows of a panel.
  void compute(int64_t panel, Best& best) const {
    float y[kPanelRows];
    multiplier_.multiply(0, {panel, 1}, {0, 1}, {.y = y, .stride = kPanelRows});
    const int64_t first = panel * kPanelRows;
    for (int64_t row = first; row < std::min(first + kPanelRows, rows_); ++row) best.offer(y[row - first], row);
  }

 private:
  int64_t rows_;
  PanelMultiplier multiplier_;
};

}  // namespace

bool RowScreen::fits(const QuantFormat& format, Activation activation) {
  return activation == Activation::int8 && coarse_format(format).has_value();
}

RowScreen::RowScreen(const PackedMatrix& weights, ThreadPool& pool)
    : weights_(&weights), bounds_(static_cast<size_t>(weights.panels_per_slice() * kPanelRows)) {
  if (!fits(weights.format(), Activation::int8) || weights.slices() != 1) {
    fail_as<std::invalid_argument>("no screen for {} slices of {}", weights.slices(), weights.format().name());
  }
  const QuantFormat format = *coarse_format(weights.format());
  const PanelLayout layout = panel_layout(format, weights.cols());
  const auto write = [&](int64_t slice, int64_t panel, uint8_t* out) {
    float* const bounds = &bounds_[static_cast<size_t>(panel * kPanelRows)];
    coarsen_panel(weights.layout(), weights.panel(slice, panel), layout, out, bounds);
    for (int i = 0; i < kPanelRows; ++i) bounds[i] *= std::abs(weights.factor());
  };
  coarse_ = PackedMatrix(format, weights.rows(), weights.cols(), weights.factor(), pool, 1, write);
}

int64_t RowScreen::best_row(Activations& x, ThreadPool& pool, const KernelLevel& level, const LoopReads* next) const {
  thread_local Workspace<float> kept;
  const int64_t rows = weights_->rows();
  if (x.count() != 1 || rows == 0) fail_as<std::invalid_argument>("{} vectors for {} rows", x.count(), rows);
  kept.reserve(rows);
  float* const coarse = kept.data();
  matmul(coarse_, x, coarse, rows, pool, {.level = level});
  float most = 0.0f;
  const FoldKernel maximum = choose_fold_kernel(FoldType::f32, FoldOp::max);
  maximum.row(coarse, rows, &most);
  const int64_t likely = maximum.find(coarse, rows, &most);

  const Panels panels(*weights_, x, pool, level);
  Best first;
  panels.compute(likely / kPanelRows, first);
  const float length = x.length(0);
  Best best = first;
  std::mutex mutex;
  const auto may_be_best = [&](int64_t row) {
    // So that what is not a number is never passed over.
    return !(coarse[row] + length * bounds_[static_cast<size_t>(row)] < first.value);
  };
  const auto visit = [&](int64_t begin, int64_t end) {
    Best found;
    for (int64_t panel = begin; panel < end; ++panel) {
      bool is_candidate = false;
      for (int64_t row = panel * kPanelRows; row < std::min((panel + 1) * kPanelRows, rows); ++row) {
        is_candidate |= may_be_best(row);
      }
      if (is_candidate) panels.compute(panel, found);
    }
    if (found.row < 0) return;
    const std::lock_guard lock(mutex);
    best.offer(found.value, found.row);
  };
  const PanelOrder order({weights_->parts()}, 1);
  pool.parallel_for(order.node_ends(), ThreadPool::Home::preferred, visit, next);
  return best.row;
}

LoopReads RowScreen::reads() const {
  const Product product = {.weights = &coarse_};
  return loop_reads({&product, 1}, false);
}

}  // namespace mica::cpu
