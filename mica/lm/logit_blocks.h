#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mica::lm {

/// What is to be known of the logits of a token before one is chosen. One pass over them, by all threads where there
/// are many, looks at blocks that stay in the first-level cache; what comes after it passes over whole blocks.
class LogitBlocks {
 public:
  static constexpr size_t kBlock = 1024;

  /// `logits` must stay as they are.
  explicit LogitBlocks(std::span<const float> logits);

  /// The place of the first of the largest logits; NaN counts as the largest.
  size_t best_place() const { return best_place_; }
  float best() const { return logits_[best_place_]; }

  /// log Σ exp(logit)
  float normalizer() const;

  /// Logits.
  size_t size() const { return logits_.size(); }
  /// Blocks.
  size_t count() const { return most_.size(); }
  std::span<const float> block(size_t index) const;

  /// The largest logit of a block; NaN where one is.
  float most(size_t index) const { return most_[index]; }

  /// Σ exp((logit − best) / temperature) of every block.
  std::vector<double> sums(float temperature) const;

 private:
  std::span<const float> logits_;
  std::vector<float> most_;
  std::vector<float> sums_;  ///< Σ exp(logit − most) of every block
  size_t best_place_ = 0;
};

}  // namespace mica::lm
