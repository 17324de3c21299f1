#include "mica/ops/linear.h"

#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"

namespace mica {
namespace {

ScaleType scale_type_of(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::float32:
      return ScaleType::f32;
    case Dtype::Val::float16:
      return ScaleType::f16;
    case Dtype::Val::bfloat16:
      return ScaleType::bf16;
    default:
      fail_as<std::invalid_argument>("[quantized] scales cannot be {}", dtype_name(dtype));
  }
}

QuantFormat mlx_format(const std::string& mode, int group_size, int bits, Dtype scales) {
  if (mode == "affine") return affine_format(bits, group_size, scale_type_of(scales));
  const bool mxfp4 = mode == "mxfp4" && group_size == 32 && bits == 4;
  const bool mxfp8 = mode == "mxfp8" && group_size == 32 && bits == 8;
  const bool nvfp4 = mode == "nvfp4" && group_size == 16 && bits == 4;
  if (!mxfp4 && !mxfp8 && !nvfp4) {
    fail_as<std::invalid_argument>("[quantized] there is no mode {} with {} bits and groups of {}", mica::quoted(mode),
                                   bits, group_size);
  }
  if (scales != uint8) fail_as<std::invalid_argument>("[quantized] scales of mode {} are uint8", mode);
  return mxfp4 ? mxfp4_format() : mxfp8 ? mxfp8_format() : nvfp4_format();
}

void add_matrix(std::vector<array>& inputs, const StoredMatrix& w, const std::optional<array>& bias, StreamOrDevice s) {
  inputs.push_back(w.codes);
  if (w.scales) inputs.push_back(*w.scales);
  if (w.biases) inputs.push_back(*w.biases);
  if (bias) inputs.push_back(astype(*bias, float32, s));
}

std::vector<array> matrix_inputs(std::vector<array> operands, const StoredMatrix& w, const std::optional<array>& bias,
                                 StreamOrDevice s) {
  add_matrix(operands, w, bias, s);
  return operands;
}

MatrixPrimitive matrix_primitive(const StoredMatrix& w, Activation activation, bool has_bias) {
  return {w.format, w.shape, activation, has_bias};
}

Dtype code_dtype(const QuantFormat& format) {
  if (format.is_mlx()) return uint32;
  if (format.is_ggml_block()) return uint8;
  return format.kind == QuantKind::f32 ? float32 : format.kind == QuantKind::f16 ? float16 : bfloat16;
}

/// The inputs from number `first` on are what the fields say: codes, scales, biases and bias. They must be there.
void check_matrix_at(const std::vector<array>& inputs, size_t first, const MatrixPrimitive& matrix, size_t ndim,
                     std::string_view op) {
  const QuantFormat& format = matrix.format;
  const bool scaled = format.scale_type != ScaleType::none;
  if (matrix.weight_shape.size() != ndim || matrix.weight_shape.back() < 1) {
    fail_as<std::invalid_argument>("[{}] a weight of shape {}", op, to_string(matrix.weight_shape));
  }
  const int64_t cols = matrix.weight_shape.back();
  const Dtype codes = code_dtype(format);
  Shape shape = matrix.weight_shape;
  if (!format.is_dense()) shape.back() = format.row_bytes(cols) / static_cast<int64_t>(codes.size());
  check_dtype(inputs[first], codes, op);
  check_shape(inputs[first], shape, op);
  shape.back() = format.scales_per_row(cols);
  size_t next = first + 1;
  for (size_t i = 0; scaled && i < (format.has_biases ? 2u : 1u); ++i, ++next) {
    check_dtype(inputs[next], scale_dtype(format.scale_type), op);
    check_shape(inputs[next], shape, op);
  }
  if (!matrix.has_bias) return;
  shape.pop_back();
  check_dtype(inputs[next], float32, op);
  check_shape(inputs[next], shape, op);
}

/// The same for a primitive of one matrix, whose inputs are its operands and the matrix.
void check_matrix(const std::vector<array>& inputs, size_t operands, const MatrixPrimitive& matrix, size_t ndim,
                  std::string_view op) {
  check_count(inputs, operands + matrix.input_count(), op);
  check_matrix_at(inputs, operands, matrix, ndim, op);
}

/// One output of a Linear for each of its matrices.
std::vector<OutputSpec> check_products(const Linear& primitive, const std::vector<array>& inputs) {
  size_t count = primitive.operand_count();
  for (const MatrixPrimitive& matrix : primitive.matrices) count += matrix.input_count();
  check_count(inputs, count, primitive.name());
  const array& x = inputs[0];
  check_dtype(x, float32, primitive.name());
  std::vector<OutputSpec> out;
  out.reserve(primitive.matrices.size());
  size_t next = primitive.operand_count();
  for (const MatrixPrimitive& matrix : primitive.matrices) {
    check_matrix_at(inputs, next, matrix, 2, primitive.name());
    next += matrix.input_count();
    if (x.ndim() == 0 || x.shape(-1) != matrix.weight_shape.back()) {
      fail_as<std::invalid_argument>("[linear] an input of shape {} does not fit a weight of shape {}",
                                     to_string(x.shape()), to_string(matrix.weight_shape));
    }
    Shape shape = x.shape();
    shape.back() = matrix.weight_shape[0];
    out.push_back({std::move(shape), float32});
  }
  if (out.empty()) fail_as<std::invalid_argument>("[linear] no weight");
  return out;
}

bool is_gate(UnaryOp op) {
  return op == UnaryOp::silu || op == UnaryOp::gelu || op == UnaryOp::gelu_tanh;
}

void check_bias(const std::optional<array>& bias, const Shape& wanted, std::string_view op) {
  if (bias && bias->shape() != wanted) {
    fail_as<std::invalid_argument>("[{}] a bias of shape {} where {} is needed", op, to_string(bias->shape()),
                                   to_string(wanted));
  }
}

}  // namespace

StoredMatrix stored_dense(array matrix) {
  if (matrix.ndim() < 2) fail_as<std::invalid_argument>("[linear] a weight needs at least two axes");
  const Dtype dtype = matrix.dtype();
  if (dtype != float32 && dtype != float16 && dtype != bfloat16) {
    fail_as<std::invalid_argument>("[linear] a weight cannot be {}", dtype_name(dtype));
  }
  const QuantKind kind = dtype == float32 ? QuantKind::f32 : dtype == float16 ? QuantKind::f16 : QuantKind::bf16;
  Shape shape = matrix.shape();
  return {dense_format(kind), std::move(matrix), std::nullopt, std::nullopt, std::move(shape)};
}

StoredMatrix stored_quantized(array codes, array scales, std::optional<array> biases, int group_size, int bits,
                              const std::string& mode) {
  const QuantFormat format = mlx_format(mode, group_size, bits, scales.dtype());
  if (codes.dtype() != uint32 || codes.ndim() < 2) {
    fail_as<std::invalid_argument>("[quantized] codes must be uint32 with at least two axes");
  }
  Shape shape = codes.shape();
  shape.back() = shape.back() * 32 / bits;
  Shape scale_shape = shape;
  scale_shape.back() = shape.back() / group_size;
  const bool fits =
      scales.shape() == scale_shape && shape.back() % group_size == 0 && shape.back() * bits == codes.shape(-1) * 32;
  if (!fits) {
    fail_as<std::invalid_argument>("[quantized] codes of shape {} and scales of shape {} do not belong together",
                                   to_string(codes.shape()), to_string(scales.shape()));
  }
  if (biases.has_value() != format.has_biases) {
    fail_as<std::invalid_argument>("[quantized] mode {} {} biases", mode, format.has_biases ? "needs" : "has no");
  }
  if (biases && (biases->shape() != scale_shape || biases->dtype() != scales.dtype())) {
    fail_as<std::invalid_argument>("[quantized] biases must have the shape and dtype of the scales");
  }
  return {format, std::move(codes), std::move(scales), std::move(biases), std::move(shape)};
}

StoredMatrix stored_ggml(array bytes, QuantFormat format, int64_t cols) {
  if (bytes.dtype() != uint8 || bytes.ndim() < 2 || bytes.shape(-1) != format.row_bytes(cols)) {
    fail_as<std::invalid_argument>("[quantized] {} bytes do not hold rows of {} values", format.name(), cols);
  }
  Shape shape = bytes.shape();
  shape.back() = cols;
  return {format, std::move(bytes), std::nullopt, std::nullopt, std::move(shape)};
}

Dtype scale_dtype(ScaleType type) {
  switch (type) {
    case ScaleType::f32:
      return float32;
    case ScaleType::f16:
      return float16;
    case ScaleType::bf16:
      return bfloat16;
    default:
      return uint8;
  }
}

std::vector<OutputSpec> Linear::infer(const std::vector<array>& inputs) const {
  std::vector<OutputSpec> out = check_products(*this, inputs);
  if (options.has_norm) {
    check_dtype(inputs[1], float32, name());
    check_shape(inputs[1], {inputs[0].shape(-1)}, name());
  }
  if (options.gate) {
    const bool fits = out.size() == 2 && out[0].shape == out[1].shape && is_gate(*options.gate);
    if (!fits) {
      fail_as<std::invalid_argument>("[linear] a gate is silu, gelu or gelu_tanh, of two weights of one shape");
    }
    out.pop_back();
  }
  if (!options.has_residual) return out;
  if (out.size() != 1) fail_as<std::invalid_argument>("[linear] a residual for {} results", out.size());
  check_dtype(inputs[operand_count() - 1], float32, name());
  check_shape(inputs[operand_count() - 1], out[0].shape, name());
  return out;
}

std::vector<OutputSpec> ExpertLinear::infer(const std::vector<array>& inputs) const {
  check_matrix(inputs, 2, matrix, 3, name());
  check_dtype(inputs[0], float32, name());
  check_dtype(inputs[1], int32, name());
  const array& x = inputs[0];
  const array& indices = inputs[1];
  const bool fits = x.ndim() == 3 && indices.ndim() == 2 && x.shape(0) == indices.shape(0) &&
                    (x.shape(1) == 1 || x.shape(1) == indices.shape(1)) && x.shape(2) == matrix.weight_shape[2];
  if (!fits) {
    fail_as<std::invalid_argument>(
        "[expert_linear] an input of shape {} with indices of shape {} does not fit a "
        "weight of shape {}",
        to_string(x.shape()), to_string(indices.shape()), to_string(matrix.weight_shape));
  }
  return {{Shape{x.shape(0), indices.shape(1), matrix.weight_shape[1]}, float32}};
}

std::vector<OutputSpec> LinearArgmax::infer(const std::vector<array>& inputs) const {
  check_matrix(inputs, operand_count(), matrix, 2, name());
  const array& x = inputs[0];
  check_dtype(x, float32, name());
  const int64_t cols = matrix.weight_shape.back();
  if (x.ndim() == 0 || x.shape(-1) != cols || matrix.has_bias) {
    fail_as<std::invalid_argument>("[linear_argmax] an input of shape {} does not fit a weight of shape {}",
                                   to_string(x.shape()), to_string(matrix.weight_shape));
  }
  if (matrix.weight_shape[0] == 0) fail_as<std::invalid_argument>("[linear_argmax] a weight without rows");
  if (has_norm) check_shape(inputs[1], {static_cast<ShapeElem>(cols)}, name());
  return {{Shape(x.shape().begin(), x.shape().end() - 1), int32}};
}

std::vector<OutputSpec> TakeRows::infer(const std::vector<array>& inputs) const {
  check_matrix(inputs, 1, matrix, 2, name());
  check_dtype(inputs[0], int64, name());
  Shape shape = inputs[0].shape();
  shape.push_back(matrix.weight_shape.back());
  return {{std::move(shape), float32}};
}

std::vector<OutputSpec> Dequantize::infer(const std::vector<array>& inputs) const {
  check_matrix(inputs, 0, matrix, std::max<size_t>(matrix.weight_shape.size(), 2), name());
  return {{matrix.weight_shape, float32}};
}

array linear(const array& x, const StoredMatrix& w, const std::optional<array>& bias, Activation activation,
             StreamOrDevice s) {
  const LinearTerm term = {w, bias};
  return linears(x, {&term, 1}, activation, {}, s)[0];
}

std::vector<array> linears(const array& x, std::span<const LinearTerm> terms, Activation activation,
                           const LinearFusion& fusion, StreamOrDevice s) {
  std::vector<array> inputs = {astype(x, float32, s)};
  if (fusion.norm) inputs.push_back(astype(*fusion.norm, float32, s));
  if (fusion.residual) inputs.push_back(astype(*fusion.residual, float32, s));
  std::vector<MatrixPrimitive> matrices;
  matrices.reserve(terms.size());
  for (const auto& [w, bias] : terms) {
    if (w.shape.size() != 2) fail_as<std::invalid_argument>("[linear] a stack of matrices needs expert_linear");
    check_bias(bias, {w.rows()}, "linear");
    add_matrix(inputs, w, bias, s);
    matrices.push_back(matrix_primitive(w, activation, bias.has_value()));
  }
  const LinearOptions options = {fusion.norm.has_value(), fusion.eps, fusion.gate, fusion.residual.has_value(),
                                 fusion.scale};
  return make_arrays(std::make_shared<Linear>(to_stream(s), std::move(matrices), options), std::move(inputs));
}

array linear_argmax(const array& x, const StoredMatrix& w, Activation activation, const LinearFusion& fusion,
                    StreamOrDevice s) {
  LinearFusion norm;
  norm.norm = fusion.norm;
  norm.eps = fusion.eps;
  // As many as the CPU backend screens together.
  constexpr int64_t kFew = 4;
  if (x.ndim() == 0 || static_cast<int64_t>(x.size()) > kFew * x.shape(-1)) {
    const LinearTerm term = {w};
    return astype(argmax(linears(x, {&term, 1}, activation, norm, s)[0], -1, false, s), int32, s);
  }
  if (w.shape.size() != 2) fail_as<std::invalid_argument>("[linear_argmax] a stack of matrices has no such product");
  std::vector<array> operands = {astype(x, float32, s)};
  if (norm.norm) operands.push_back(astype(*norm.norm, float32, s));
  return apply<LinearArgmax>(matrix_inputs(std::move(operands), w, std::nullopt, s), to_stream(s),
                             matrix_primitive(w, activation, false), norm.norm.has_value(), norm.eps);
}

array expert_linear(const array& x, const StoredMatrix& w, const array& indices, const std::optional<array>& bias,
                    Activation activation, StreamOrDevice s) {
  if (w.shape.size() != 3) fail_as<std::invalid_argument>("[expert_linear] needs a stack of matrices");
  check_bias(bias, {w.shape[0], w.rows()}, "expert_linear");
  return apply<ExpertLinear>(matrix_inputs({astype(x, float32, s), astype(indices, int32, s)}, w, bias, s),
                             to_stream(s), matrix_primitive(w, activation, bias.has_value()));
}

array take_rows(const StoredMatrix& w, const array& indices, StreamOrDevice s) {
  if (w.shape.size() != 2) fail_as<std::invalid_argument>("[take_rows] needs one matrix");
  return apply<TakeRows>(matrix_inputs({astype(indices, int64, s)}, w, std::nullopt, s), to_stream(s),
                         matrix_primitive(w, Activation::exact, false));
}

array dequantize(const StoredMatrix& w, StreamOrDevice s) {
  if (w.format.is_dense()) return astype(w.codes, float32, s);
  return apply<Dequantize>(matrix_inputs({}, w, std::nullopt, s), to_stream(s),
                           matrix_primitive(w, Activation::exact, false));
}

}  // namespace mica
