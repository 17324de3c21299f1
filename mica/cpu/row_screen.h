#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "mica/cpu/packed_matrix.h"

namespace mica::cpu {

/// Vectors that are screened together at most: with more of them it is arithmetic that takes the time, not memory.
constexpr int kMostScreened = 4;

/// Finds the row of a matrix whose product with a vector is largest without reading all of the matrix: a copy with
/// codes of 5 bits, at most two thirds of the bytes, tells of nearly all rows that they cannot be it. The others, a few
/// in ten thousand of a language model's head, are computed as matmul does: the result is that of looking at all
/// products.
class RowScreen {
 public:
  /// Whether there are such copies of a matrix of this format for such products.
  static bool fits(const QuantFormat& format, Activation activation);

  /// Copies a matrix of one slice that fits; it must outlive this.
  RowScreen(const PackedMatrix& weights, ThreadPool& pool);

  /// For each row of x, of which there are at most kMostScreened, the first of the rows with the largest product with
  /// it; NaN counts as the largest. `next`: what a later loop reads. std::invalid_argument when shapes do not fit.
  void best_rows(Activations& x, ThreadPool& pool, std::span<int32_t> out, const KernelLevel& level = {},
                 const LoopReads* next = nullptr) const;

  /// Whether to call best_rows: not for some turns after one that left so many rows that all of them would have been
  /// as fast, as for vectors that hardly prefer any row.
  bool is_worth_its_time() const;

  /// What best_rows reads whole.
  LoopReads reads() const;

 private:
  const PackedMatrix* weights_;
  std::vector<float> bounds_;  ///< of the differences between the products of both matrices, for each row
  PackedMatrix coarse_;
  mutable std::atomic<int> pause_ = 0;  ///< turns without
};

}  // namespace mica::cpu
