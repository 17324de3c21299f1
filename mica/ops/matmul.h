#pragma once

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/array/stream.h"

namespace mica {

/// Matrix product over the last two axes, batched and broadcast over the others; a vector counts as a row (left) or a
/// column (right) and its axis is dropped again. Floating types only; sums are taken in float32 (float64 for float64).
array matmul(const array& a, const array& b, StreamOrDevice s = {});

/// beta · c + alpha · (a @ b)
array addmm(const array& c, const array& a, const array& b, const float& alpha = 1.0f, const float& beta = 1.0f,
            StreamOrDevice s = {});

/// Sums of products along the last axes; all products; along one axis; along chosen axes of both.
array inner(const array& a, const array& b, StreamOrDevice s = {});
array outer(const array& a, const array& b, StreamOrDevice s = {});
array vecdot(const array& a, const array& b, int axis = -1, StreamOrDevice s = {});
array tensordot(const array& a, const array& b, const std::vector<int>& axes_a, const std::vector<int>& axes_b,
                StreamOrDevice s = {});
array tensordot(const array& a, const array& b, int axis = 2, StreamOrDevice s = {});

/// The Kronecker product: every element of a times b. Shapes are filled up with ones in front.
array kron(const array& a, const array& b, StreamOrDevice s = {});

/// The sum along a diagonal; of bool and small integers in int32 or uint32 unless `dtype` names the type.
array trace(const array& a, int offset, int axis1, int axis2, Dtype dtype, StreamOrDevice s = {});
array trace(const array& a, int offset, int axis1, int axis2, StreamOrDevice s = {});
array trace(const array& a, StreamOrDevice s = {});

/// Inputs: a [..., M, K], b [..., K, N] of one dtype, with equal batch axes.
struct Matmul final : PrimitiveOf<Matmul> {
  using PrimitiveOf::PrimitiveOf;
  std::string_view name() const override { return "matmul"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  auto fields() const { return std::tie(); }
};

}  // namespace mica
