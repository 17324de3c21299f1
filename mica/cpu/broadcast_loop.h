#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mica/array/array.h"
#include "mica/cpu/block_types.h"

namespace mica::cpu {

/// An input as the loop reads it: its strides over the output's axes, merged.
struct Operand {
  const std::byte* data;
  Dtype dtype;
  bool is_scalar;
  /// In the output's order without gaps.
  bool is_flat;
  Strides strides;
};

/// The loop over the output's elements with as few axes as the inputs allow.
struct BroadcastLoop {
  Shape shape;
  std::vector<Operand> operands;

  BroadcastLoop(const Shape& full, std::span<const array> inputs);

  bool is_flat() const;
  /// How many elements from `at` on are in one row of every operand; rows that are short are put together to blocks,
  /// since a block has its price, however short it is.
  int64_t row_rest(int64_t at) const;
  /// Whether the operand's elements from any place of a row on stand side by side as float32.
  bool is_in_place(const Operand& operand) const;
  /// … and where: from output element `at` on.
  const float* in_place(const Operand& operand, int64_t at) const;
  /// Reads `count` ≤ kBlock elements of the operand from output element `at` on. Returns where they are: in place, or
  /// in `block`.
  const void* load(const Operand& operand, int64_t at, int64_t count, Block& block) const;

 private:
  const void* load_rows(const Operand& operand, int64_t at, int64_t count, Block& block) const;
  const std::byte* address(const Operand& operand, int64_t at) const;
};

}  // namespace mica::cpu
