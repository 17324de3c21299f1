#pragma once

// Biases of packed panels that are added by pairs: see int8_product.h.

#include "mica/cpu/kernels/panel.h"
#include "mica/cpu/kernels/simd.h"
#if defined(__AVX512BF16__)
#include "mica/cpu/kernels/bf16_pairs.h"
#endif

namespace mica::cpu::MICA_ISA_NS {

/// Adds the biases of steps, times the sums of their activations: those of two steps at once.
template <typename Scales, int Rows, int P, int M>
class PairedBiases {
 public:
  PairedBiases(const PanelProduct&, int) {}
};

#if defined(__AVX512BF16__)

template <typename Scales, int Rows, int P, int M>
  requires Scales::kHasPairs
class PairedBiases<Scales, Rows, P, M> {
 public:
  PairedBiases(const PanelProduct& product, int first_row) : x_(product.x_pairs + first_row) {}

  void add(const F32 (&bias)[P], F32 (&acc)[P][M]) {
    if (is_second_) {
      add_step_pair(bias, acc);
    } else {
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) first_[p] = bias[p];
    }
    is_second_ = !is_second_;
  }

  /// Adds a last step that has no second one.
  void finish(F32 (&acc)[P][M]) {
    const F32 none[P] = {};
    if (is_second_) add_step_pair(none, acc);
  }

 private:
  // Inlined, so that the sums stay in registers.
  [[gnu::always_inline]] void add_step_pair(const F32 (&second)[P], F32 (&acc)[P][M]) {
    __m512i pairs[P];
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) pairs[p] = make_pairs(first_[p], second[p]);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) add_pairs(acc[p][m].v, pairs[p], x_ + m);
    }
    x_ += Rows;
  }

  F32 first_[P];
  const uint32_t* x_;
  bool is_second_ = false;
};

#endif

}  // namespace mica::cpu::MICA_ISA_NS
