#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace mica::lm {

/// How often something succeeds, the latest times counting most.
class HitRate {
 public:
  /// What is assumed before there is anything to go by.
  explicit HitRate(double expected) : expected_(expected) {}

  void add(bool hit) {
    age();
    hits_ += hit ? 1 : 0;
    ++trials_;
  }
  /// Makes what is known count a little less.
  void age() {
    constexpr double kKept = 0.97;
    hits_ *= kKept;
    trials_ *= kKept;
  }
  double value() const {
    constexpr double kWeight = 3;
    return (hits_ + kWeight * expected_) / (trials_ + kWeight);
  }

 private:
  double expected_;
  double hits_ = 0;
  double trials_ = 0;
};

/// How long something takes: the fastest of the last times, since whatever else the machine does makes it only slower.
class RunningTime {
 public:
  void add(double seconds) { last_[count_++ % last_.size()] = seconds; }
  /// Times that were added.
  size_t count() const { return count_; }
  /// 0 before there is one.
  double seconds() const {
    return count_ == 0 ? 0 : *std::min_element(last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(known()));
  }

 private:
  size_t known() const { return std::min(count_, last_.size()); }

  std::array<double, 8> last_{};
  size_t count_ = 0;
};

}  // namespace mica::lm
