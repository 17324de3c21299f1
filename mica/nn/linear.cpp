#include "mica/nn/linear.h"

#include "mica/nn/quantized.h"
#include "mica/nn/uniform_init.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/matmul.h"
#include "mica/ops/shape.h"

namespace mica::nn {

using detail::uniform_weight;

Linear::Linear(int input_dims, int output_dims, bool with_bias)
    : weight(this, "weight", uniform_weight(input_dims, {output_dims, input_dims})), bias(this, "bias") {
  if (with_bias) bias.set(uniform_weight(input_dims, {output_dims}));
}

array Linear::operator()(const array& x) const {
  const array transposed = transpose(weight);
  return bias.has_value() ? addmm(bias, x, transposed) : matmul(x, transposed);
}

ModulePtr Linear::to_quantized(const QuantizeOptions& options) const {
  if (!options.quantize_input) return std::make_shared<QuantizedLinear>(QuantizedLinear::from_linear(*this, options));
  if (options.mode != "nvfp4" && options.mode != "mxfp8") {
    fail_as<std::invalid_argument>("[Linear::to_quantized] inputs are quantized in modes nvfp4 and mxfp8, not {}",
                                   mica::quoted(options.mode));
  }
  return std::make_shared<QQLinear>(QQLinear::from_linear(*this, options));
}

Bilinear::Bilinear(int input1_dims, int input2_dims, int output_dims, bool with_bias)
    : weight(this, "weight", uniform_weight(input1_dims, {output_dims, input2_dims, input1_dims})), bias(this, "bias") {
  if (with_bias) bias.set(uniform_weight(input1_dims, {output_dims}));
}

array Bilinear::operator()(const array& x1, const array& x2) const {
  const ShapeElem outputs = weight->shape(0);
  const ShapeElem dims2 = weight->shape(1);
  const ShapeElem dims1 = weight->shape(2);
  Shape shape = x1.shape();
  const array rows = reshape(x1, {-1, dims1});
  const array columns = reshape(x2, {-1, 1, dims2});
  array products = matmul(rows, transpose(reshape(weight, {outputs * dims2, dims1})));
  products = swapaxes(reshape(products, {-1, outputs, dims2}), -2, -1);
  const array y = squeeze(matmul(columns, products), 1);
  shape.back() = outputs;
  const array out = reshape(y, shape);
  return bias.has_value() ? out + bias : out;
}

}  // namespace mica::nn
