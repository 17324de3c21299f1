#pragma once

#include <cstdint>

#include "mica/ops/elementwise_ops.h"

namespace mica::cpu {

/// Loops over contiguous float32 for one instruction set. An operation without a kernel here (null) has one in plain
/// C++ (cpu/elementwise_generic).
struct ElementwiseKernels {
  using Unary = void (*)(const float* x, float* out, int64_t count);
  using Binary = void (*)(const float* x, const float* y, float* out, int64_t count);
  Unary unary[kUnaryOps] = {};
  Binary binary[kBinaryOps] = {};
  /// The same, but results pass the caches by. end_stream follows before another thread may read them.
  Unary streamed_unary[kUnaryOps] = {};
  Binary streamed_binary[kBinaryOps] = {};
  void (*end_stream)() = nullptr;
  void (*load_f16)(const uint16_t* x, float* out, int64_t count) = nullptr;
  void (*load_bf16)(const uint16_t* x, float* out, int64_t count) = nullptr;
  void (*store_f16)(const float* x, uint16_t* out, int64_t count) = nullptr;
  void (*store_bf16)(const float* x, uint16_t* out, int64_t count) = nullptr;
};

/// Loops over one row of float32 for one instruction set.
struct RowKernels {
  /// out = x · weight / √(mean x² + eps); weight may be null. In place is fine.
  void (*rms_norm)(const float* x, const float* weight, float eps, float* out, int64_t count);
  /// weight and bias may be null.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float eps, float* out, int64_t count);
  void (*softmax)(const float* x, float* out, int64_t count);
  /// Σ exp(x − shift)
  float (*sum_exp)(const float* x, float shift, int64_t count);
  float (*sum)(const float* x, int64_t count);
  float (*max)(const float* x, int64_t count);
  /// Rotates pairs (i, i + half) by cosine[i], sine[i].
  void (*rotate_halves)(const float* x, const float* cosine, const float* sine, float* out, int64_t half);
  /// Rotates pairs (2i, 2i + 1) by cosine[i], sine[i].
  void (*rotate_pairs)(const float* x, const float* cosine, const float* sine, float* out, int64_t half);
};

namespace reference {
extern const ElementwiseKernels elementwise;
extern const RowKernels rows;
}  // namespace reference
namespace avx2 {
extern const ElementwiseKernels elementwise;
extern const RowKernels rows;
}  // namespace avx2
namespace avx512 {
extern const ElementwiseKernels elementwise;
extern const RowKernels rows;
}  // namespace avx512

/// The tables for the active instruction set.
const ElementwiseKernels& elementwise_kernels();
const RowKernels& row_kernels();

}  // namespace mica::cpu
