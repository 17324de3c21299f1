#pragma once

#include <cstdint>

#include "mica/ops/elementwise_ops.h"

namespace mica::cpu {

/// Chains of float32 operations, several vectors at a time. A strip of elements stays in registers, the accumulator,
/// while it goes through all steps of a program: each step is a function that does its part and calls the next one.
/// Truth values are 1 and 0.
struct StripStep {
  /// A handler of StripKernels; its true type depends on the instruction set.
  using Handler = void (*)();
  Handler run;
  /// Numbers of values in a frame: what the step combines the accumulator with.
  int operands[2];
};

/// Elements of the longest strip of any instruction set.
inline constexpr int64_t kLongestStrip = 128;

/// Memory that a program works on. Behind the inputs' values are those of results that are kept for later.
struct StripFrame {
  float** values;
  int64_t inputs;
  /// Which inputs move on with every strip; the others are a strip that is filled with one number.
  const uint8_t* moves;
  float* out;
  /// A strip for each input and one more, where the last few elements are padded.
  float* padded;
};

struct StripKernels {
  StripStep::Handler unary[kUnaryOps] = {};
  /// Accumulator op value.
  StripStep::Handler binary[kBinaryOps] = {};
  /// Value op accumulator.
  StripStep::Handler reversed[kBinaryOps] = {};
  /// The accumulator becomes the first value where it is true, the second one elsewhere.
  StripStep::Handler select;
  StripStep::Handler load;
  StripStep::Handler keep;
  StripStep::Handler round_f16;
  StripStep::Handler round_bf16;
  /// Last steps: the accumulator goes to `out`; past the caches, where out is aligned to 64 bytes.
  StripStep::Handler finish;
  StripStep::Handler finish_streamed;
  /// Runs a program, which begins with `load`, over `count` elements of the inputs.
  void (*run)(const StripStep* steps, const StripFrame& frame, int64_t count);
};

// Functions, since handlers' addresses are cast when the program runs: nothing of a table may be before it is chosen.
namespace reference {
const StripKernels& strips();
}
namespace avx2 {
const StripKernels& strips();
}
namespace avx512 {
const StripKernels& strips();
}

/// The table for the active instruction set.
const StripKernels& strip_kernels();

}  // namespace mica::cpu
