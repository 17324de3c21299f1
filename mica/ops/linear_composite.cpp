// The operations that specify products with stored matrices, and the rules of dequantization.
#include <optional>

#include "mica/ops/block_matmul.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/index.h"
#include "mica/ops/linear.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "mica/ops/rules.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// What stands behind the operands of a primitive of this family.
struct MatrixInputs {
  StoredMatrix stored;
  std::optional<array> bias;

  MatrixInputs(const MatrixPrimitive& matrix, const std::vector<array>& inputs, size_t first)
      : stored{matrix.format, inputs[first], std::nullopt, std::nullopt, matrix.weight_shape} {
    size_t next = first + 1;
    if (matrix.format.scale_type != ScaleType::none) stored.scales = inputs[next++];
    if (matrix.format.has_biases) stored.biases = inputs[next++];
    if (matrix.has_bias) bias = inputs[next];
  }

  /// The matrix of the rows at the flat indices.
  StoredMatrix rows(const array& indices, StreamOrDevice s) const {
    StoredMatrix out = stored;
    out.codes = take(stored.codes, indices, 0, s);
    if (stored.scales) out.scales = take(*stored.scales, indices, 0, s);
    if (stored.biases) out.biases = take(*stored.biases, indices, 0, s);
    out.shape[0] = indices.shape(0);
    return out;
  }
};

/// For every group the sum of its elements.
array group_sums(const array& a, const Shape& scales, StreamOrDevice s) {
  Shape grouped = scales;
  grouped.push_back(a.shape(-1) / scales.back());
  return sum(reshape(a, grouped, s), -1, false, s);
}

/// Every group's value for each of its elements.
array spread(const array& scales, ShapeElem group_size, StreamOrDevice s) {
  return repeat(scales, static_cast<int>(group_size), -1, s);
}

/// The codes as numbers: the matrix with scales 1 and biases 0. A matrix of these formats is codes · scales + biases.
array code_values(const Dequantize& primitive, const std::vector<array>& inputs) {
  return apply<Dequantize>(
      {inputs[0], ones_like(inputs[1], primitive.stream()), zeros_like(inputs[2], primitive.stream())},
      primitive.stream(), primitive.matrix);
}

}  // namespace

std::vector<array> Linear::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  const array x = options.has_norm ? fast::rms_norm(inputs[0], inputs[1], options.eps, s) : inputs[0];
  std::vector<array> out;
  out.reserve(matrices.size());
  size_t next = operand_count();
  for (const MatrixPrimitive& matrix : matrices) {
    const MatrixInputs rest(matrix, inputs, next);
    next += matrix.input_count();
    const array product = matmul(x, transpose(dequantize(rest.stored, s), s), s);
    out.push_back(rest.bias ? add(product, *rest.bias, s) : product);
  }
  if (options.gate) out = {multiply(apply<Unary>({out[0]}, s, *options.gate), out[1], s)};
  if (options.has_residual) {
    out[0] = add(inputs[operand_count() - 1], multiply(constant_like(options.scale, out[0]), out[0], s), s);
  }
  return out;
}

std::vector<array> LinearArgmax::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  LinearFusion norm;
  if (has_norm) norm.norm = inputs[1];
  norm.eps = eps;
  const LinearTerm term = {MatrixInputs(matrix, inputs, operand_count()).stored};
  return {astype(argmax(linears(inputs[0], {&term, 1}, matrix.activation, norm, s)[0], -1, false, s), int32, s)};
}

std::vector<array> ExpertLinear::expand(const std::vector<array>& inputs) const {
  const MatrixInputs rest(matrix, inputs, 2);
  const array& x = inputs[0];
  const array& indices = inputs[1];
  const array rows = reshape(x, {x.shape(0) * x.shape(1), 1, x.shape(2)}, stream());
  const array numbers = arange(0, static_cast<double>(rows.shape(0)), int64, stream());
  const array row_of = broadcast_to(reshape(numbers, {x.shape(0), x.shape(1)}, stream()), indices.shape(), stream());
  const array matrices = swapaxes(dequantize(rest.stored, stream()), 1, 2, stream());
  const array products = gather_mm(rows, matrices, row_of, indices, false, stream());
  const array product = squeeze(products, -2, stream());
  return {rest.bias ? add(product, take(*rest.bias, indices, 0, stream()), stream()) : product};
}

std::vector<array> TakeRows::expand(const std::vector<array>& inputs) const {
  const MatrixInputs rest(matrix, inputs, 1);
  const array& indices = inputs[0];
  const array rows = dequantize(rest.rows(flatten(indices, stream()), stream()), stream());
  Shape shape = indices.shape();
  shape.push_back(rows.shape(-1));
  return {reshape(rows, shape, stream())};
}

std::pair<std::vector<array>, std::vector<int>> Linear::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  std::vector<size_t> with_rows = {0};
  if (options.has_residual) with_rows.push_back(operand_count() - 1);
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (i != with_rows.back() && axes[i] >= 0) return Composite::vmap(inputs, axes);
  }
  std::vector<array> moved = inputs;
  const std::vector<array> all = batches(inputs, axes, stream());
  for (const size_t i : with_rows) moved[i] = all[i];
  const auto outputs = make_arrays(std::make_shared<Linear>(stream(), matrices, options), std::move(moved));
  return {outputs, std::vector<int>(outputs.size(), 0)};
}

std::pair<std::vector<array>, std::vector<int>> TakeRows::vmap(const std::vector<array>& inputs,
                                                               const std::vector<int>& axes) const {
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (axes[i] >= 0) return Composite::vmap(inputs, axes);
  }
  return {{apply<TakeRows>(inputs, stream(), matrix)}, {axes[0]}};
}

std::vector<array> Dequantize::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                   const std::vector<int>& argnums, const std::vector<array>& outputs) const {
  if (!matrix.format.has_biases) return Primitive::vjp(primals, cotangents, argnums, outputs);
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    const array part = which == 1 ? multiply(cotangents[0], code_values(*this, primals), stream()) : cotangents[0];
    out.push_back(group_sums(part, primals[1].shape(), stream()));
  }
  return out;
}

std::vector<array> Dequantize::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                   const std::vector<int>& argnums) const {
  if (!matrix.format.has_biases) return Primitive::jvp(primals, tangents, argnums);
  std::vector<array> terms;
  terms.reserve(argnums.size());
  for (size_t i = 0; i < argnums.size(); ++i) {
    const array part = spread(astype(tangents[i], float32, stream()), matrix.format.group_size, stream());
    terms.push_back(argnums[i] == 1 ? multiply(part, code_values(*this, primals), stream()) : part);
  }
  return {sum_of(terms, stream())};
}

std::pair<std::vector<array>, std::vector<int>> Dequantize::vmap(const std::vector<array>& inputs,
                                                                 const std::vector<int>& axes) const {
  // More rows of the same matrix: the batch axis joins the others in front of the columns.
  const std::vector<array> all = batches(inputs, axes, stream());
  MatrixPrimitive batched = matrix;
  batched.weight_shape = with_batch(matrix.weight_shape, all[0].shape(0));
  return {{apply<Dequantize>(all, stream(), batched)}, {0}};
}

}  // namespace mica
