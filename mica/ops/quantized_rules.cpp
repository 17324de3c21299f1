// Shapes and gradients of quantization.
#include "mica/ops/check.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/linear.h"
#include "mica/ops/quantized.h"
#include "mica/ops/shape.h"

namespace mica {

namespace {

/// The operand, and for nvfp4 a scale for all of it.
void check_operands(const std::vector<array>& inputs, const QuantFormat& format, std::string_view op) {
  check_count(inputs, inputs.size() > 1 ? 2 : 1, op);
  check_ndim(inputs[0], 1, op);
  if (!format.is_mlx()) fail_as<std::invalid_argument>("[{}] not to {}", op, format.name());
  if (inputs.size() == 1) return;
  check_dtype(inputs[1], float32, op);
  if (inputs[1].size() != 1) fail_as<std::invalid_argument>("[{}] the global scale is one number", op);
}

}  // namespace

std::vector<OutputSpec> Quantize::infer(const std::vector<array>& inputs) const {
  check_operands(inputs, format, name());
  check_category(inputs[0], floating, name());
  if (inputs[0].ndim() != 2) {
    fail_as<std::invalid_argument>("[quantize] an array of shape {} is no matrix", to_string(inputs[0].shape()));
  }
  if (format.has_biases) check_dtype(inputs[0], scale_dtype(format.scale_type), name());
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
  check_operands(inputs, format, name());
  check_dtype(inputs[0], float32, name());
  format.row_bytes(inputs[0].shape(-1));
  return {{inputs[0].shape(), float32}};
}

std::vector<array> RoundToFormat::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                      const std::vector<int>& argnums, const std::vector<array>&) const {
  std::vector<array> out;
  out.reserve(argnums.size());
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
  check_count(inputs, 1, name());
  check_category(inputs[0], floating, name());
  return {{inputs[0].shape(), uint8}};
}

std::pair<std::vector<array>, std::vector<int>> ToFp8::vmap(const std::vector<array>& inputs,
                                                            const std::vector<int>& axes) const {
  return {{apply<ToFp8>({inputs[0]}, stream())}, {axes[0]}};
}

std::vector<OutputSpec> FromFp8::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  check_dtype(inputs[0], uint8, name());
  if (!issubdtype(dtype, floating)) fail_as<std::invalid_argument>("[from_fp8] not to {}", dtype_name(dtype));
  return {{inputs[0].shape(), dtype}};
}

std::pair<std::vector<array>, std::vector<int>> FromFp8::vmap(const std::vector<array>& inputs,
                                                              const std::vector<int>& axes) const {
  return {{apply<FromFp8>({inputs[0]}, stream(), dtype)}, {axes[0]}};
}

}  // namespace mica
