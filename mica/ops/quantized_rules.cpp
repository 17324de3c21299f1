// Shapes and gradients of quantization and of products with stored matrices.
#include "mica/ops/block_matmul.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/linear.h"
#include "mica/ops/matmul.h"
#include "mica/ops/quantized.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

/// Scales are of the primitive's own dtype: what an affine weight [..., N, K] gives them from its cotangent.
struct AffineGradient {
  array scales;
  array biases;

  AffineGradient(const MatrixPrimitive& matrix, const array& codes, const array& weight, Stream s)
      : scales(weight), biases(weight) {
    Shape shape = matrix.weight_shape;
    shape.back() /= matrix.format.group_size;
    MatrixPrimitive plain = matrix;
    plain.format.scale_type = ScaleType::f32;
    plain.has_bias = false;
    const array numbers = apply<Dequantize>({codes, ones(shape, float32, s), zeros(shape, float32, s)}, s, plain);
    const Shape groups = {shape.back(), matrix.format.group_size};
    scales = sum(unflatten(multiply(weight, numbers, s), -1, groups, s), -1, false, s);
    biases = sum(unflatten(weight, -1, groups, s), -1, false, s);
  }
};

/// Where codes, scales, biases and bias stand among a primitive's inputs.
struct Slots {
  int codes;
  int scales = -1;
  int biases = -1;
  int bias = -1;

  Slots(const MatrixPrimitive& matrix, int operands) : codes(operands) {
    int next = operands + 1;
    if (matrix.format.scale_type != ScaleType::none) scales = next++;
    if (matrix.format.has_biases) biases = next++;
    if (matrix.has_bias) bias = next;
  }
};

array whole_matrix(const MatrixPrimitive& matrix, const std::vector<array>& primals, const Slots& slots, Stream s) {
  const auto at = [&](int i) { return primals[static_cast<size_t>(i)]; };
  if (matrix.format.is_dense()) return astype(at(slots.codes), float32, s);
  MatrixPrimitive stored = matrix;
  stored.has_bias = false;
  std::vector<array> inputs = {at(slots.codes)};
  if (slots.scales >= 0) inputs.push_back(at(slots.scales));
  if (slots.biases >= 0) inputs.push_back(at(slots.biases));
  return apply<Dequantize>(std::move(inputs), s, std::move(stored));
}

/// The cotangents of codes, scales and biases from that of the whole matrix.
array part_gradient(const MatrixPrimitive& matrix, const std::vector<array>& primals, const Slots& slots, int argument,
                    const array& weight, Stream s) {
  const array& primal = primals[static_cast<size_t>(argument)];
  if (matrix.format.is_dense()) return astype(weight, primal.dtype(), s);
  if (matrix.format.kind != QuantKind::affine || argument == slots.codes) return zeros_like(primal, s);
  const AffineGradient parts(matrix, primals[static_cast<size_t>(slots.codes)], weight, s);
  return astype(argument == slots.scales ? parts.scales : parts.biases, primal.dtype(), s);
}

/// The product with each row's expert as a product of gathered matrices: [rows, 1, cols] · [experts, cols, outputs].
array gathered(const array& rows, const array& matrices, const array& experts, Stream s) {
  const array in_order = arange(0, static_cast<double>(rows.shape(0)), int64, s);
  return apply<GatherMatmul>({rows, matrices, in_order, astype(flatten(experts, s), int64, s)}, s);
}

}  // namespace

std::vector<array> Linear::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                               const std::vector<int>& argnums, const std::vector<array>&) const {
  const Slots slots(matrix, 1);
  const Stream s = stream();
  const array& g = cotangents[0];
  const array rows = reshape(g, {-1, g.shape(-1)}, s);
  std::vector<array> out;
  for (const int argument : argnums) {
    if (argument == 0) {
      out.push_back(matmul(g, whole_matrix(matrix, primals, slots, s), s));
    } else if (argument == slots.bias) {
      out.push_back(sum(rows, 0, false, s));
    } else {
      const array x = reshape(primals[0], {-1, primals[0].shape(-1)}, s);
      out.push_back(part_gradient(matrix, primals, slots, argument, matmul(transpose(rows, s), x, s), s));
    }
  }
  return out;
}

std::vector<array> Linear::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                               const std::vector<int>& argnums) const {
  if (argnums != std::vector<int>{0}) return Primitive::jvp(primals, tangents, argnums);
  std::vector<array> inputs = primals;
  inputs[0] = tangents[0];
  MatrixPrimitive unbiased = matrix;
  if (unbiased.has_bias) inputs.pop_back();
  unbiased.has_bias = false;
  return {apply<Linear>(std::move(inputs), stream(), std::move(unbiased))};
}

std::pair<std::vector<array>, std::vector<int>> Linear::vmap(const std::vector<array>& inputs,
                                                             const std::vector<int>& axes) const {
  for (size_t i = 1; i < axes.size(); ++i) {
    if (axes[i] >= 0) return Primitive::vmap(inputs, axes);
  }
  std::vector<array> moved = inputs;
  moved[0] = moveaxis(inputs[0], axes[0], 0, stream());
  return {{apply<Linear>(std::move(moved), stream(), matrix)}, {0}};
}

std::vector<array> ExpertLinear::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                     const std::vector<int>& argnums, const std::vector<array>&) const {
  const Slots slots(matrix, 2);
  const Stream s = stream();
  const array& x = primals[0];
  const array& indices = primals[1];
  const array grads = reshape(cotangents[0], {-1, 1, cotangents[0].shape(-1)}, s);
  std::vector<array> out;
  for (const int argument : argnums) {
    if (argument == 0) {
      const array each = gathered(grads, whole_matrix(matrix, primals, slots, s), indices, s);
      const array rows = reshape(each, {indices.shape(0), indices.shape(1), x.shape(2)}, s);
      out.push_back(x.shape(1) == 1 && indices.shape(1) != 1 ? sum(rows, 1, true, s) : rows);
    } else if (argument == 1) {
      out.push_back(zeros_like(indices, s));
    } else if (argument == slots.bias) {
      const array& bias = primals[static_cast<size_t>(argument)];
      out.push_back(scatter_add(zeros_like(bias, s), flatten(indices, s), grads, 0, s));
    } else {
      const Shape full = {x.shape(0), indices.shape(1), x.shape(2)};
      const array rows = reshape(broadcast_to(x, full, s), {-1, 1, x.shape(2)}, s);
      const Shape& weight = matrix.weight_shape;
      const array product = gathered(rows, zeros({weight[0], weight[2], weight[1]}, s), indices, s);
      const array gradient = product.primitive().vjp(product.inputs(), {grads}, {1}, {product})[0];
      out.push_back(part_gradient(matrix, primals, slots, argument, swapaxes(gradient, 1, 2, s), s));
    }
  }
  return out;
}

std::vector<array> ExpertLinear::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                     const std::vector<int>& argnums) const {
  if (argnums != std::vector<int>{0}) return Primitive::jvp(primals, tangents, argnums);
  std::vector<array> inputs = primals;
  inputs[0] = tangents[0];
  MatrixPrimitive unbiased = matrix;
  if (unbiased.has_bias) inputs.pop_back();
  unbiased.has_bias = false;
  return {apply<ExpertLinear>(std::move(inputs), stream(), std::move(unbiased))};
}

std::vector<array> Dequantize::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                   const std::vector<int>& argnums, const std::vector<array>&) const {
  const Slots slots(matrix, 0);
  std::vector<array> out;
  for (const int argument : argnums) {
    out.push_back(part_gradient(matrix, primals, slots, argument, cotangents[0], stream()));
  }
  return out;
}

std::vector<OutputSpec> Quantize::infer(const std::vector<array>& inputs) const {
  const Shape& shape = inputs[0].shape();
  Shape codes = shape;
  codes.back() = format.row_bytes(shape.back()) / 4;
  Shape scales = shape;
  scales.back() = format.scales_per_row(shape.back());
  const Dtype type = format.has_biases ? inputs[0].dtype() : uint8;
  std::vector<OutputSpec> out = {{codes, uint32}, {scales, type}};
  if (format.has_biases) out.push_back({scales, type});
  return out;
}

std::pair<std::vector<array>, std::vector<int>> Quantize::vmap(const std::vector<array>& inputs,
                                                               const std::vector<int>& axes) const {
  if (axes[0] < 0 || (axes.size() > 1 && axes[1] >= 0)) return Primitive::vmap(inputs, axes);
  const array w = moveaxis(inputs[0], axes[0], 0, stream());
  std::vector<array> matrix = inputs;
  matrix[0] = flatten(w, 0, 1, stream());
  std::vector<array> out = make_arrays(std::make_shared<Quantize>(stream(), format), std::move(matrix));
  for (array& part : out) part = unflatten(part, 0, {w.shape(0), w.shape(1)}, stream());
  return {out, std::vector<int>(out.size(), 0)};
}

std::vector<OutputSpec> RoundToFormat::infer(const std::vector<array>& inputs) const {
  format.row_bytes(inputs[0].shape(-1));
  return {{inputs[0].shape(), float32}};
}

std::vector<array> RoundToFormat::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                      const std::vector<int>& argnums, const std::vector<array>&) const {
  std::vector<array> out;
  for (const int argument : argnums) {
    out.push_back(argument == 0 ? cotangents[0] : zeros_like(primals[static_cast<size_t>(argument)], stream()));
  }
  return out;
}

std::vector<array> RoundToFormat::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                      const std::vector<int>& argnums) const {
  for (size_t i = 0; i < argnums.size(); ++i) {
    if (argnums[i] == 0) return {tangents[i]};
  }
  return {zeros_like(primals[0], stream())};
}

std::pair<std::vector<array>, std::vector<int>> RoundToFormat::vmap(const std::vector<array>& inputs,
                                                                    const std::vector<int>& axes) const {
  if (axes[0] < 0 || (axes.size() > 1 && axes[1] >= 0)) return Primitive::vmap(inputs, axes);
  std::vector<array> moved = inputs;
  moved[0] = moveaxis(inputs[0], axes[0], 0, stream());
  return {{apply<RoundToFormat>(std::move(moved), stream(), format)}, {0}};
}

std::vector<OutputSpec> ToFp8::infer(const std::vector<array>& inputs) const {
  return {{inputs[0].shape(), uint8}};
}

std::pair<std::vector<array>, std::vector<int>> ToFp8::vmap(const std::vector<array>& inputs,
                                                            const std::vector<int>& axes) const {
  return {{apply<ToFp8>({inputs[0]}, stream())}, {axes[0]}};
}

std::vector<OutputSpec> FromFp8::infer(const std::vector<array>& inputs) const {
  return {{inputs[0].shape(), dtype}};
}

std::pair<std::vector<array>, std::vector<int>> FromFp8::vmap(const std::vector<array>& inputs,
                                                              const std::vector<int>& axes) const {
  return {{apply<FromFp8>({inputs[0]}, stream(), dtype)}, {axes[0]}};
}

}  // namespace mica
