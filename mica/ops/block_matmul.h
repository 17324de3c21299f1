#pragma once

#include <optional>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

// Matrix products of parts. Floating types; shapes and types that do not fit throw std::invalid_argument.

/// The product of matrices chosen from batches: a [batch..., M, K], b [batch..., K, N]; indices count through the
/// flattened batch axes, are broadcast together, and give the batch axes of the result. Without indices each operand's
/// batch is taken in order. Negative indices count from the end; one out of range throws std::out_of_range when it is
/// computed. `sorted_indices` is accepted for MLX's sake: products with the same b are always done together.
array gather_mm(array a, array b, std::optional<array> lhs_indices = std::nullopt,
                std::optional<array> rhs_indices = std::nullopt, bool sorted_indices = false, StreamOrDevice s = {});

/// a [M, K] · b [K, N] over parts of the inner axis: `segments` (integers, [..., 2]) holds their beginnings and ends,
/// which are cut to 0 … K. Shape: [..., M, N].
array segmented_mm(array a, array b, array segments, StreamOrDevice s = {});

/// The matrix product with blocks of `block_size` (32 or 64) masked: masks [..., blocks of rows, blocks of columns] are
/// bool (which blocks count) or numbers (what they are multiplied by).
array block_masked_mm(array a, array b, int block_size, std::optional<array> mask_out = std::nullopt,
                      std::optional<array> mask_lhs = std::nullopt, std::optional<array> mask_rhs = std::nullopt,
                      StreamOrDevice s = {});

/// Inputs: a [A, M, K], b [B, K, N] of one floating type, int64 indices of one shape into A and B.
struct GatherMatmul final : PrimitiveOf<GatherMatmul> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "gather_mm"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

/// Inputs: a [M, K], b [K, N] of one floating type, int64 segments [..., 2].
struct SegmentedMatmul final : PrimitiveOf<SegmentedMatmul> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "segmented_mm"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  auto fields() const { return std::tie(); }
};

}  // namespace mica
