#pragma once

#include <cstdint>

// Kernels of Fourier transforms (cpu/fft_passes.cpp, cpu/fft_plan.cpp), one set an instruction set. Complex numbers are
// kept with real and imaginary parts apart.

namespace mica::cpu {

/// Transforms go through the passes in tiles: an element is this many numbers side by side, one of each column.
constexpr int64_t kFourierColumns = 16;
/// Prime lengths up to this one are one pass.
constexpr int kLargestFourierRadix = 127;

/// Elements of a tile: element e begins at re[e · step], im[e · step].
struct FourierSource {
  const float* re;
  const float* im;
  int64_t step;
};
struct FourierTarget {
  float* re;
  float* im;
  int64_t step;
};

/// One pass of a Fourier transform over kFourierColumns columns: for p < rest and e < side a transform of length
/// `radix` over the elements (p + rest · j) · side + e, each result k times turn k of p, to the elements
/// (radix · p + k) · side + e. In the last pass (rest = 1) there are no turns; its results go to `target` times
/// `factors`, where they are given. Radix 1 only multiplies.
struct FourierPass {
  int radix;  ///< 1, 2, 4, 8 or an odd number
  int64_t rest;
  int64_t side;
  FourierSource source;
  FourierTarget target;
  const float* turns;  ///< for every p, for every k > 0: real and imaginary part
  /// Of an odd radix up to 13: cos and sin of 2π j / radix for j ≤ radix / 2. Of a larger one the same of 2π jk / radix
  /// for every k from 1, for every j from 1 to radix / 2.
  const float* circle;
  FourierSource factors;  ///< of the element that a result goes to; with a step of 1 one for all columns
};

/// Between the transform of 2 · half real numbers and that of their pairs as `half` complex numbers: to untangle makes
/// the former (times 2) of the latter, to tangle makes what the inverse transform makes the pairs of (times 2).
struct FourierHalves {
  const float* re;  ///< 0 … half; of the pairs' transform the last one is the first one
  const float* im;
  const float* cosine;  ///< of π k / half
  const float* sine;
  int64_t half;
};

/// Rows of pairs that become the columns of a tile, or the reverse: at most kFourierColumns, `step` numbers apart.
template <typename Number>
struct FourierRows {
  Number* data;
  int64_t step;
  int64_t count;
};

struct FourierKernels {
  void (*pass)(const FourierPass& pass);
  /// n numbers of every row, and back. Columns without a row repeat the last one.
  void (*to_tile)(const FourierRows<const float>& rows, int64_t n, float* tile);
  void (*from_tile)(const float* tile, int64_t n, const FourierRows<float>& rows);
  /// n pairs of every row, and back, times `scale`.
  void (*pairs_to_tile)(const FourierRows<const float>& rows, int64_t n, float* re, float* im);
  void (*pairs_from_tile)(const float* re, const float* im, int64_t n, float scale, const FourierRows<float>& rows);
  /// Of tiles: elements 0 … half untangled, 0 … half − 1 tangled.
  void (*untangle_tile)(const FourierHalves& x, float* re, float* im);
  void (*tangle_tile)(const FourierHalves& x, float* re, float* im);
  /// Of one row: n pairs to real and imaginary parts, and back, times the scales.
  void (*split)(const float* pairs, int64_t n, float* re, float* im);
  void (*join)(const float* re, const float* im, int64_t n, float re_scale, float im_scale, float* pairs);
  /// Of one row, for begin ≤ k < end: untangled to pairs, times the scales; tangled.
  void (*untangle)(const FourierHalves& x, int64_t begin, int64_t end, float re_scale, float im_scale, float* pairs);
  void (*tangle)(const FourierHalves& x, int64_t begin, int64_t end, float* re, float* im);
};

namespace reference {
FourierKernels fourier_kernels();
}
namespace avx2 {
FourierKernels fourier_kernels();
}
namespace avx512 {
FourierKernels fourier_kernels();
}

}  // namespace mica::cpu
