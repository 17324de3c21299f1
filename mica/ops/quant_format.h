#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mica {

/// How the values of a weight matrix are stored. Dense floats are kinds like any other: weights are never converted
/// as a whole. `affine`, `mxfp4`, `mxfp8` and `nvfp4` are MLX's (codes, scales and biases in arrays of their own, codes
/// one little-endian bit stream a row); the rest are ggml's (blocks that hold their scales).
enum class QuantKind : uint8_t {
  f32,
  f16,
  bf16,
  affine,
  mxfp4,
  mxfp8,
  nvfp4,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  ggml_mxfp4,
};

/// Type of the separate scales (and biases) of MLX's kinds; `none` for dense and ggml kinds.
enum class ScaleType : uint8_t { none, f32, f16, bf16, e8m0, e4m3 };

/// Bytes of one scale.
int scale_bytes(ScaleType type);

/// How a matrix product treats its activations.
///   exact  f32 activations, f32 accumulation: equal to dequantize + f32 dot within float rounding
///   int8   activations rounded to int8 with an f32 scale for every 32 values, integer dot products; where the largest
///          of them is so large that the others would lose by it, they get a second digit. Rounded to bf16 instead for
///          weights in bf16, where the CPU multiplies those; other formats without integer codes as in `exact`
enum class Activation : uint8_t { exact, int8 };

/// Description of a weight format. Made by the functions below, which fix the fields to what the kind defines.
struct QuantFormat {
  QuantKind kind = QuantKind::f32;
  int bits = 32;                           ///< bits of one code (16 and 32 for floats)
  int group_size = 1;                      ///< values that share a scale (the innermost, for two-level kinds)
  int block_size = 1;                      ///< the number of columns is a multiple of this
  int block_bytes = 4;                     ///< bytes of a block of codes (ggml: with its scales)
  ScaleType scale_type = ScaleType::none;  ///< type of the separate scales and biases
  bool has_biases = false;                 ///< separate biases stand beside the scales (affine)

  friend bool operator==(const QuantFormat&, const QuantFormat&) = default;

  bool is_dense() const { return kind <= QuantKind::bf16; }
  bool is_mlx() const { return kind >= QuantKind::affine && kind <= QuantKind::nvfp4; }
  bool is_ggml_block() const { return kind > QuantKind::nvfp4; }

  /// Bytes that the codes of one row take; an Error when `cols` is negative or not a multiple of the block size.
  int64_t row_bytes(int64_t cols) const;

  /// Separate scales in one row (0 for kinds without them).
  int64_t scales_per_row(int64_t cols) const;

  /// Storage per weight, scales included: 4.5 for q4_0.
  double bits_per_weight() const;

  /// "f16", "affine 4-bit g64 bf16", "mxfp4", "q4_k" …
  std::string name() const;
};

/// f32, f16 or bf16.
QuantFormat dense_format(QuantKind kind);

/// MLX affine: bits 1, 2, 3, 4, 5, 6 or 8, group size 32, 64 or 128, scales in f32, f16 or bf16; else an Error.
QuantFormat affine_format(int bits, int group_size, ScaleType scale_type);

/// MLX's mxfp4 (groups of 32, e8m0 scales), mxfp8 (32, e8m0) and nvfp4 (16, e4m3).
QuantFormat mxfp4_format();
QuantFormat mxfp8_format();
QuantFormat nvfp4_format();

/// A ggml block kind (q4_0 … ggml_mxfp4).
QuantFormat ggml_format(QuantKind kind);

/// The format of a ggml type id as GGUF files store it (0 F32, 1 F16, 2 Q4_0, … 30 BF16, 39 MXFP4); nothing for types
/// that are not supported.
std::optional<QuantFormat> format_of_ggml_type(uint32_t type);

}  // namespace mica
