#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "mica/cpu/block_types.h"
#include "mica/cpu/elementwise_generic.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/transforms/fused.h"

namespace mica::cpu {

/// One step with everything looked up.
struct Instruction {
  enum class Kind : uint8_t { unary_f32, unary, binary_f32, binary, select, convert };
  Kind kind;
  Dtype dtype;
  ComputeType from;
  ComputeType to;
  union {
    ElementwiseKernels::Unary unary_f32;
    UnaryLoop unary;
    ElementwiseKernels::Binary binary_f32;
    BinaryLoop binary;
  };
  /// Numbers of blocks: those of the inputs, then the registers.
  std::array<int, 3> inputs{};
  int output = 0;
};

/// The steps of a Fused as instructions over blocks, which are used again when their values are done with. Every
/// instruction calls the same loop as the single operation does, so that the results are the same to the bit.
class FusedPlan {
 public:
  FusedPlan(const Fused& fused, std::span<const array> inputs);

  size_t block_count() const { return inputs_ + registers_ + 1; }

  /// Computes `count` ≤ kBlock elements. Of the block_count() entries of `values` the first are the inputs' elements,
  /// of as many `blocks` those behind the inputs' are used.
  void run(const void** values, Block* blocks, std::byte* target, int64_t count) const;

 private:
  size_t inputs_;
  size_t registers_ = 0;
  std::vector<Instruction> instructions_;
};

}  // namespace mica::cpu
