#include "mica/cpu/row_screen.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/cpu/block_codec.h"
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

/// Turns without a screen after one that was in vain, so that those cost 2 % of the time.
constexpr int kPause = 31;

/// The products of single panels with a few rows of activations, and the best of them.
class Panels {
 public:
  Panels(const PackedMatrix& weights, Activations& x, ThreadPool& pool, const KernelLevel& level)
      : rows_(weights.rows()), count_(x.count()), multiplier_(weights, x, pool, Activation::int8, level) {}

  /// Offers the rows of a panel; `best` has a place for each row of the activations.
  void compute(int64_t panel, std::span<Best> best) const {
    float y[kMostScreened * kPanelRows];
    for (int64_t tile = 0; tile < multiplier_.tile_count(); ++tile) {
      const int64_t row = multiplier_.first_row(tile) * kPanelRows;
      multiplier_.multiply(0, {panel, 1}, {tile, tile + 1}, {.y = y + row, .stride = kPanelRows});
    }
    const int64_t first = panel * kPanelRows;
    const int64_t end = std::min(first + kPanelRows, rows_);
    for (int64_t i = 0; i < count_; ++i) {
      for (int64_t row = first; row < end; ++row) {
        best[static_cast<size_t>(i)].offer(y[i * kPanelRows + row - first], row);
      }
    }
  }

 private:
  int64_t rows_;
  int64_t count_;
  PanelMultiplier multiplier_;
};

/// The products with the coarse matrix of one row of activations, and what is to be reached.
struct Screened {
  const float* coarse = nullptr;
  const float* bounds = nullptr;
  float length = 0.0f;  ///< of the row of activations
  float least = 0.0f;

  /// False where something is not a number, so that it is never passed over.
  bool is_below(int64_t row) const { return coarse[row] + length * bounds[row] < least; }
};

/// The search for the best rows among those that their bounds leave. Panels can be visited by several threads.
class Search {
 public:
  /// `coarse`: the products with the coarse matrix, row by row. What they take for the best is computed at once.
  Search(const PackedMatrix& weights, const float* coarse, const float* bounds, Activations& x, ThreadPool& pool,
         const KernelLevel& level)
      : rows_(weights.rows()), count_(static_cast<size_t>(x.count())), panels_(weights, x, pool, level) {
    const FoldKernel maximum = choose_fold_kernel(FoldType::f32, FoldOp::max);
    for (size_t i = 0; i < count_; ++i) {
      const float* const products = coarse + static_cast<int64_t>(i) * rows_;
      float most = 0.0f;
      maximum.row(products, rows_, &most);
      panels_.compute(maximum.find(products, rows_, &most) / kPanelRows, {best_, count_});
      screened_[i] = {products, bounds, x.length(static_cast<int64_t>(i))};
    }
    for (size_t i = 0; i < count_; ++i) screened_[i].least = best_[i].value;
  }

  void visit(int64_t begin, int64_t end) {
    Best found[kMostScreened];
    int64_t computed = 0;
    for (int64_t panel = begin; panel < end; ++panel) {
      if (!may_hold_best(panel)) continue;
      panels_.compute(panel, {found, count_});
      ++computed;
    }
    if (computed == 0) return;
    const std::lock_guard lock(mutex_);
    computed_ += computed;
    for (size_t i = 0; i < count_; ++i) best_[i].offer(found[i].value, found[i].row);
  }

  std::span<const Best> best() const { return {best_, count_}; }
  /// Panels that were computed.
  int64_t computed() const { return computed_; }

 private:
  bool may_hold_best(int64_t panel) const {
    const int64_t end = std::min((panel + 1) * kPanelRows, rows_);
    bool all_below = true;
    for (size_t i = 0; i < count_; ++i) {
      for (int64_t row = panel * kPanelRows; row < end; ++row) all_below &= screened_[i].is_below(row);
    }
    return !all_below;
  }

  int64_t rows_;
  size_t count_;
  Panels panels_;
  Screened screened_[kMostScreened];
  std::mutex mutex_;
  Best best_[kMostScreened];
  int64_t computed_ = 0;
};

}  // namespace

bool RowScreen::fits(const QuantFormat& format, Activation activation) {
  return activation == Activation::int8 && coarse_format(format).has_value();
}

RowScreen::RowScreen(const PackedMatrix& weights, ThreadPool& pool)
    : weights_(&weights), bounds_(static_cast<size_t>(weights.panels_per_slice() * kPanelRows)) {
  const std::optional<QuantFormat> format = coarse_format(weights.format());
  if (!format || weights.slices() != 1) {
    fail_as<std::invalid_argument>("no screen for {} slices of {}", weights.slices(), weights.format().name());
  }
  const ScaleType type = code_scheme(weights.format()).scale_type;
  const PanelLayout layout = panel_layout(*format, weights.cols());
  const auto write = [&](int64_t slice, int64_t panel, uint8_t* out) {
    float* const bounds = &bounds_[static_cast<size_t>(panel * kPanelRows)];
    coarsen_panel(weights.layout(), type, weights.panel(slice, panel), layout, out, bounds);
    for (int i = 0; i < kPanelRows; ++i) bounds[i] *= std::abs(weights.factor());
  };
  coarse_ = PackedMatrix(*format, weights.rows(), weights.cols(), weights.factor(), pool, 1, write);
}

void RowScreen::best_rows(Activations& x, ThreadPool& pool, std::span<int32_t> out, const KernelLevel& level,
                          const LoopReads* next) const {
  thread_local Workspace<float> kept;
  const int64_t rows = weights_->rows();
  const int64_t count = x.count();
  if (count > kMostScreened || rows == 0 || static_cast<int64_t>(out.size()) != count) {
    fail_as<std::invalid_argument>("the best of {} rows for {} vectors and {} results", rows, count, out.size());
  }
  kept.reserve(count * rows);
  matmul(coarse_, x, kept.data(), rows, pool, {.level = level});
  Search search(*weights_, kept.data(), bounds_.data(), x, pool, level);
  const PanelOrder order({weights_->parts()}, 1);
  const auto visit = [&](int64_t begin, int64_t end) { search.visit(begin, end); };
  pool.parallel_for(order.node_ends(), ThreadPool::Home::preferred, visit, next);
  // The copy is two thirds of the matrix: what is saved is the other third.
  if (3 * search.computed() > weights_->panels_per_slice()) pause_ = kPause;
  std::ranges::transform(search.best(), out.begin(), [](const Best& best) { return static_cast<int32_t>(best.row); });
}

bool RowScreen::is_worth_its_time() const {
  // Several threads may count a turn once: it is a rule of thumb.
  const int pause = pause_;
  if (pause > 0) pause_ = pause - 1;
  return pause == 0;
}

LoopReads RowScreen::reads() const {
  const Product product = {.weights = &coarse_};
  return loop_reads({&product, 1}, false);
}

}  // namespace mica::cpu
