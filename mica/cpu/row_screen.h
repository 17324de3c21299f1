#pragma once

#include <cstdint>
#include <vector>

#include "mica/cpu/packed_matrix.h"

namespace mica::cpu {

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

  /// The first of the rows with the largest product with the one row of x; NaN counts as the largest. `next`: what a
  /// later loop reads.
  int64_t best_row(Activations& x, ThreadPool& pool, const KernelLevel& level = {},
                   const LoopReads* next = nullptr) const;

  /// What best_row reads whole.
  LoopReads reads() const;

 private:
  const PackedMatrix* weights_;
  std::vector<float> bounds_;  ///< of the differences between the products of both matrices, for each row
  PackedMatrix coarse_;
};

}  // namespace mica::cpu
