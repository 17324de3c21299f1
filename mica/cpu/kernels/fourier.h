#pragma once

#include <cstdint>

namespace mica::cpu {

/// One pass of a Fourier transform over complex numbers with separate real and imaginary parts: for p < rest transforms
/// of length `radix` (2, 3, 4, 5, 7, 11 or 13) over elements p + rest · j, each times exp(−2πi pk · turn_stride / n),
/// to the elements radix · p + k. An element is `stride` numbers side by side.
struct FourierPass {
  const float* from_re;
  const float* from_im;
  float* to_re;
  float* to_im;
  int radix;
  int64_t rest;
  int64_t stride;
  const float* turns_re;  ///< cos and −sin of 2π k / n
  const float* turns_im;
  int64_t n;
  int64_t turn_stride;
};

namespace reference {
void fourier_pass(const FourierPass& pass);
}
namespace avx2 {
void fourier_pass(const FourierPass& pass);
}
namespace avx512 {
void fourier_pass(const FourierPass& pass);
}

}  // namespace mica::cpu
